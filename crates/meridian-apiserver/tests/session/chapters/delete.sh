# Deletions.

cm() { for name in "$@"; do kubectl create configmap "$name" --from-literal=a=b; done; }; cm a b c d e f; kubectl label cm a b l=1

kubectl delete cm a

kubectl delete cm a

kubectl delete cm a --ignore-not-found

kubectl delete cm b c none

kubectl delete cm -l l=1

kubectl delete cm -l l=none

kubectl delete cm d --dry-run=server

kubectl delete cm d --dry-run=client -o name

kubectl delete cm d -o name

kubectl delete cm

kubectl delete cm --field-selector metadata.name=e

kubectl delete cm/f --now

cat > held.yaml <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: held, finalizers: [example.com/hold]}
spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held, finalizers: [example.com/hold]}
Y
kubectl create -f held.yaml

kubectl delete -f held.yaml --wait=false

kubectl delete -f held.yaml --wait=false

kubectl delete cm held --timeout=1s

kubectl get se,cm -l none!=x --ignore-not-found -o name

kubectl get se held -o yaml

kubectl get cm held -o yaml

kubectl patch cm held -p '{"data":{"still":"writable"}}'

kubectl patch cm held --type merge -p '{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}'

kubectl patch se held --type merge -p '{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}'

kubectl describe se held

kubectl patch se held --type merge -p '{"metadata":{"finalizers":null}}'

kubectl patch cm held --type json -p '[{"op":"remove","path":"/metadata/finalizers"}]'

kubectl get se,cm --ignore-not-found -o name

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: bad, finalizers: [unqualified]}
Y

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: bad, ownerReferences: [{kind: ConfigMap}]}
Y

# What belongs to another object goes with it.
owned() {
  kubectl create configmap owner --from-literal=a=b
  kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata:
  name: owned
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: $(kubectl get cm owner -o jsonpath={.metadata.uid}), blockOwnerDeletion: true}]
Y
}
declare -f owned > owned.sh; . ./owned.sh; owned; kubectl delete cm owner; kubectl wait --for=delete cm/owned --timeout=30s; kubectl get cm --ignore-not-found -o name

. ./owned.sh; owned; kubectl delete cm owner --cascade=foreground; kubectl get cm --ignore-not-found -o name

. ./owned.sh; owned; kubectl delete cm owner --cascade=orphan; kubectl get cm --ignore-not-found -o yaml

kubectl delete cm owned --cascade=nonsense

kubectl delete cm --all

kubectl create configmap x; kubectl create service clusterip y --tcp=80; kubectl delete all --all

kubectl delete cm x --grace-period=0 --force

kubectl create namespace delete-inner; kubectl create configmap x -n delete-inner; kubectl delete namespace delete-inner; kubectl get cm -n delete-inner

kubectl get ns delete-inner

kubectl create namespace delete-held; kubectl create -f held.yaml -n delete-held; kubectl delete namespace delete-held --wait=false; kubectl create configmap late -n delete-held

until kubectl get ns delete-held -o jsonpath='{.status.conditions[*].type}' | grep -q Finalizers; do sleep .1; done; kubectl get ns delete-held -o yaml

# Whether kubectl sees the namespace go, or finds it gone, is chance.
kubectl patch -n delete-held cm held -p '{"metadata":{"finalizers":null}}'; kubectl patch -n delete-held se held --type merge -p '{"metadata":{"finalizers":null}}'; kubectl wait --for=delete ns/delete-held --timeout=30s > waited

kubectl delete ns default --wait=false

kubectl delete ns none

kubectl delete nonsense x

kubectl delete -f missing.yaml

kubectl delete --raw /api/v1/namespaces/delete/configmaps/none
