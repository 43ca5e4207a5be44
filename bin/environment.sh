# shellcheck shell=sh
# Sourced by the other scripts here: `environment dev` makes .venv hold exactly requirements/dev.txt (or leaves it when it
# holds requirements/ci.txt, which is more), and says so while it works. Needs Python 3; fetches uv into .tools/ where it
# is not on the PATH.

root=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '\033[2m%s\033[0m\n' "$*" >&2; }

find_uv() {
  if command -v uv >/dev/null 2>&1; then
    uv=uv
    return
  fi
  uv=$root/.tools/bin/uv
  [ -x "$uv" ] && return
  say "· fetching uv into .tools/"
  if ! python3 -m venv "$root/.tools" >/dev/null 2>&1 || ! "$root/.tools/bin/python" -m pip install -q uv; then
    echo "uv could not be fetched: python3 -m venv and pip must work (on Debian: apt install python3-venv), or put uv on the PATH." >&2
    exit 1
  fi
}

environment() {
  lock=$root/requirements/$1.txt
  stamp=$root/.venv/.synced
  sum=$(cksum <"$lock")
  if [ -x "$root/.venv/bin/python" ]; then
    case "$(cat "$stamp" 2>/dev/null)" in
      "$sum" | "$(cksum <"$root/requirements/ci.txt")") return ;;
    esac
  fi
  find_uv
  if [ ! -x "$root/.venv/bin/python" ]; then
    say "· making .venv"
    (cd "$root" && "$uv" venv -q --python '>=3.12' .venv)
  fi
  say "· installing requirements/$1.txt (hashes checked)"
  (cd "$root" && VIRTUAL_ENV=$root/.venv "$uv" pip sync --require-hashes "$lock")
  case $1 in
    dev | ci) # the oldest client that must keep working, apart from the newest
      (cd "$root" && rm -rf .venv/clients && VIRTUAL_ENV=$root/.venv "$uv" pip install -q --require-hashes --no-deps \
        --target .venv/clients/0.1 -r requirements/client-0.1.txt)
      ;;
  esac
  printf '%s' "$sum" >"$stamp"
}
