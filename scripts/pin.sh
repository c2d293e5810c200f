#!/bin/sh
# Writes the digest behind each image's version into .env, which `docker compose` and `make images`
# read. A version's tag may be moved; a digest may not.
set -eu
cd "$(dirname "$0")/.."
pins=$(mktemp)
trap 'rm -f "$pins"' EXIT
grep -v '_IMAGE=' .env > "$pins"
sed -n 's/.*\${\([A-Z0-9]*_IMAGE\):-\([^}]*\)}.*/\1 \2/p' docker-compose.yaml | sort -u |
    while read -r name image; do
        digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
        case $digest in
            sha256:*) echo "$name=$image@$digest" | tee -a "$pins" ;;
            *) echo "$image has no digest: $digest" >&2 && exit 1 ;;
        esac
    done
cat "$pins" > .env
