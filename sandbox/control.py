"""How is the sandbox told to fail, and asked what it served? /control/…"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from sandbox.app import Sandbox


class _Speed(msgspec.Struct):
    speed: float


def control(sandbox: Sandbox, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and answer."""
    try:
        return _done(sandbox, method, path.removeprefix("/control").strip("/"), body)
    except msgspec.DecodeError as error:
        return 400, {"error": str(error)}


def _done(sandbox: Sandbox, method: str, what: str, body: bytes) -> tuple[int, Any]:
    match method, what:
        case "PUT" | "POST", "faults":
            sandbox.faults.all.append(msgspec.json.decode(body, type=Fault))
        case "DELETE", "faults":
            sandbox.faults = Faults()
        case "PUT" | "POST", "speed":
            sandbox.speed = msgspec.json.decode(body, type=_Speed).speed
        case "GET", "served":
            return 200, {"running": sandbox.running, "counts": dict(sandbox.served)}
        case "GET", "bills":
            return 200, list(sandbox.bills)
        case "GET", "requests":
            return 200, list(sandbox.requests)
        case "POST", "reset":
            sandbox.faults = Faults()
            sandbox.served.clear()
            sandbox.requests.clear()
            sandbox.bills.clear()
        case ("GET", "faults"):
            pass
        case _:
            return 404, {"error": "There are faults, speed, served, bills, requests and reset."}
    return 200, {"faults": sandbox.faults.all, "speed": sandbox.speed}
