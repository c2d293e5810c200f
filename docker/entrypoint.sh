#!/bin/sh
# `tulip` with the given words, unless they name one of the programs that Airflow's deployments start.
set -eu
case ${1:-} in
    airflow | bash | python | python3 | sh | tulip) exec "$@" ;;
    *) exec tulip "$@" ;;
esac
