#!/bin/sh
# Prepares the k3s of docker-compose.yaml; all of it is safe to repeat.
set -eu
umask 077
export KUBECONFIG=/admin/kubeconfig.yaml
scratch=$(mktemp -d)
# The kubeconfig names the cluster by the address that it has inside its own container.
kubectl config view --raw > "$scratch/admin"
export KUBECONFIG="$scratch/admin"
kubectl config set-cluster default --server=https://k3s:6443 >/dev/null

kubectl apply -k /deploy

# From files, so that no value stands in a list of processes; made anew, because `apply` would keep
# a copy of the values in an annotation.
sed -n "s/^TULIP_DATABASE_URL='\(.*\)'\$/TULIP_DATABASE_URL=\1/p" /state/local.env > "$scratch/database"
sed -n 's/^aws_\(.*\) = /AWS_\1=/p' /keys/aws | sed 's/^AWS_access_key_id/AWS_ACCESS_KEY_ID/
    s/^AWS_secret_access_key/AWS_SECRET_ACCESS_KEY/' > "$scratch/store"
for name in database store; do
    kubectl --namespace tulip delete secret "tulip-$name" --ignore-not-found
    kubectl --namespace tulip create secret generic "tulip-$name" --from-env-file="$scratch/$name"
done

# Airflow gets the rights of its service account, and no more.
token=$(kubectl --namespace tulip create token airflow --duration=8760h)
kubectl config view --raw --output jsonpath='{.clusters[0].cluster.certificate-authority-data}' |
    base64 -d > "$scratch/ca"
cat > /kube/airflow.yaml.new <<EOF
apiVersion: v1
kind: Config
current-context: tulip
clusters:
  - name: tulip
    cluster:
      server: https://k3s:6443
      certificate-authority-data: $(base64 < "$scratch/ca" | tr -d '\n')
contexts:
  - name: tulip
    context: {cluster: tulip, user: airflow, namespace: tulip}
users:
  - name: airflow
    user:
      token: $token
EOF
chown 50000 /kube/airflow.yaml.new
mv /kube/airflow.yaml.new /kube/airflow.yaml
rm -r "$scratch"
