#!/bin/sh
# Once at each start of docker-compose.yaml; all of it is safe to repeat.
set -eu
tulip containers prepare --postgres postgis
echo "migrating Airflow's tables"
airflow db migrate >/dev/null
# Asked for twice, and so not seen in the list of processes. Who is there keeps his password.
password=$(cat /var/lib/tulip/keys/admin)
printf '%s\n%s\n' "$password" "$password" | airflow users create --role Admin --username admin \
    --firstname Tulip --lastname Admin --email admin@localhost.invalid
