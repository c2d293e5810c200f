#!/bin/sh
# Makes the environment .tulip/venv from requirements.txt, and nothing where it is current.
#
# Needs Python 3.11 to 3.13 (PYTHON=/path/to/python chooses one), no compiler and no uv: a pinned
# uv goes into .tulip/uv. Packages come from wherever pip is told to take them. Where Python is of
# another version, uv brings one that fits into .tulip/python, if the network lets it.
set -eu
cd "$(dirname "$0")/.."
HERE=$(pwd -P)
VENV=$HERE/.tulip/venv
STAMP=$VENV/.stamp

wanted() { { echo "$HERE"; cat requirements.txt pyproject.toml scripts/uv.txt; } | sha256sum; }

if [ -x "$VENV/bin/tulip" ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$(wanted)" ]; then
    exit 0
fi

# A shim may be there without a Python behind it, so each candidate is tried.
find_python() { # first version, first version no more, candidates
    first=$1 end=$2
    shift 2
    for candidate; do
        "$candidate" -c "import sys
if not ($first) <= sys.version_info[:2] < ($end): sys.exit(1)
print(sys.executable)" 2>/dev/null && return
    done
    return 1
}

refuse() {
    echo "tulip_ops needs Python 3.11, 3.12 or 3.13, and found none as ${PYTHON:-python3}." >&2
    echo "Install one, or name it: make demo PYTHON=/path/to/python3.12" >&2
    exit 1
}

# Debian parts venv from Python.
require_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    line="apt-get install --yes --no-install-recommends python$version-venv"
    if [ "$(id -u)" != 0 ]; then
        printf 'Python lacks venv; run this once and repeat:\n\n    sudo %s\n\n' "$line" >&2
        return 1
    fi
    echo "installing python$version-venv with apt" >&2
    apt-cache show "python$version-venv" >/dev/null 2>&1 || apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $line >/dev/null
}

# uv does not read pip's settings: what pip.conf and PIP_ variables say is handed on.
# Of one option the variable wins, then the settings of the environment, the user, the machine.
pip_says() {
    echo "$pip_config" |
        sed -n "s/^\(:env:\|site\|user\|global\|install\)\.$1='\(.*\)'$/\1 \2/p" |
        awk '{ n = index(":env: install site user global", $1) }
             !best || n < best { best = n; $1 = ""; line = substr($0, 2) }
             END { gsub(/\\n/, " ", line); print line }'
}

hand_on() { # variable, value: unless the user told uv himself
    if [ -n "$2" ] && [ -z "$(printenv "$1" || true)" ]; then
        export "$1=$2"
    fi
}

python=$(find_python '3, 11' '3, 14' ${PYTHON:-python3.12 python3.11 python3.13 python3}) ||
    [ -z "${PYTHON:-}" ] || refuse
if ! "$HERE/.tulip/uv/bin/uv" --version >/dev/null 2>&1 ||
    ! cmp -s scripts/uv.txt .tulip/uv/uv.txt; then
    # uv comes by pip, for which a Python that is too old or too new for the rest will do.
    any=${python:-$(find_python '3, 8' '4, 0' python3)} || refuse
    require_venv "$any"
    rm -rf .tulip/uv
    "$any" -m venv .tulip/uv
    .tulip/uv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes --only-binary :all: -r scripts/uv.txt
    cp scripts/uv.txt .tulip/uv/uv.txt
fi
pip_config=$("$HERE/.tulip/uv/bin/python" -m pip config list 2>/dev/null || true)
hand_on UV_DEFAULT_INDEX "$(pip_says index-url)"
if [ -n "$(pip_says extra-index-url)" ]; then
    hand_on UV_INDEX "$(pip_says extra-index-url)"
    # As pip does: any index may have the file, its hash says whether it is the right one.
    hand_on UV_INDEX_STRATEGY unsafe-best-match
fi
hand_on UV_FIND_LINKS "$(pip_says find-links | tr -s ' ' ',')"
hand_on UV_INSECURE_HOST "$(pip_says trusted-host)"
hand_on SSL_CERT_FILE "$(pip_says cert)"
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    hand_on UV_SYSTEM_CERTS true # as pip does: a company's own authority is known to the machine
fi

uv=$HERE/.tulip/uv/bin/uv
export VIRTUAL_ENV="$VENV"
if ! "$VENV/bin/python" -c "import sys; sys.exit(sys.prefix != '$VENV')" 2>/dev/null; then
    if [ -z "$python" ]; then
        echo "no Python 3.11 to 3.13 here: uv brings 3.12 into .tulip/python" >&2
        export UV_PYTHON_INSTALL_DIR="$HERE/.tulip/python"
        said=$("$uv" python install --no-progress --no-bin 3.12 2>&1) ||
            { echo "$said" >&2; refuse; }
        python=$("$uv" python find --managed-python 3.12)
    fi
    "$uv" venv --quiet --clear --python "$python" "$VENV"
fi
rm -f "$STAMP"
echo "installing the packages of requirements.txt into .tulip/venv" >&2
"$uv" pip sync --quiet --require-hashes requirements.txt
"$uv" pip install --quiet --no-deps --no-build-isolation --editable .
wanted > "$STAMP"
