// The API's description in Swagger UI or Redoc, whichever the page has loaded.
"use strict";
const place = document.getElementById("reference");
const url = place.dataset.description;
const csrf = document.cookie.split("; ").find((one) => one.startsWith("csrftoken="))?.split("=")[1];
// Redoc shows its maker's picture, from its maker's server: the words beside it do.
const image = HTMLImageElement.prototype;
const [src, setAttribute] = [Object.getOwnPropertyDescriptor(image, "src"), image.setAttribute];
const fromHere = (address) => String(address).startsWith("data:") || new URL(address, location.href).origin === location.origin;
Object.defineProperty(image, "src", { ...src, set(value) { if (fromHere(value)) src.set.call(this, value); } });
image.setAttribute = function (name, value) { if (name !== "src" || fromHere(value)) setAttribute.call(this, name, value); };
if (window.SwaggerUIBundle) {
  window.SwaggerUIBundle({
    url,
    domNode: place,
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    tryItOutEnabled: true,
    requestInterceptor(request) {
      if (csrf && new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = csrf;
      return request;
    },
  });
} else {
  window.Redoc.init(url, { hideDownloadButton: false, disableSearch: false }, place);
}
