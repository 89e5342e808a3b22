# Server-side apply.

cat > cm.yaml <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: c, labels: {a: b}}
data: {one: "1", two: "2"}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec:
  hosts: [a.example.com]
  http: [{name: first, route: [{destination: {host: httpbin}}]}]
Y
kubectl apply --server-side -f cm.yaml --dry-run=server

kubectl apply --server-side -f cm.yaml

kubectl apply --server-side -f cm.yaml

kubectl get cm c -o yaml --show-managed-fields

kubectl get vs v -o yaml --show-managed-fields

sed -e 's/"1"/"3"/' -e s/a.example.com/b.example.com/ cm.yaml > other.yaml; kubectl apply --server-side --field-manager=other -f other.yaml

kubectl diff --server-side --field-manager=other -f other.yaml

kubectl diff --server-side --force-conflicts --field-manager=other -f other.yaml

kubectl apply --server-side --field-manager=other --force-conflicts -f other.yaml

kubectl get cm c -o yaml --show-managed-fields

kubectl apply --server-side -f cm.yaml

kubectl patch cm c -p '{"data":{"one":"4"}}'

kubectl get cm c -o yaml --show-managed-fields

kubectl apply --server-side --field-manager=other -f other.yaml

# What nobody has any more goes.
kubectl apply --server-side --force-conflicts -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {two: "2"}
Y

kubectl get cm c -o yaml --show-managed-fields

# Lists of ports.
kubectl apply --server-side -f - <<Y
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{name: a, port: 80}, {name: b, port: 81}]}
Y

kubectl apply --server-side --field-manager=other -f - <<Y
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{name: c, port: 82}]}
Y

kubectl apply --server-side --field-manager=other -f - <<Y
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{name: d, port: 80}]}
Y

kubectl get svc s -o yaml --show-managed-fields

# From client-side to server-side.
kubectl create configmap old --from-literal=a=b -o yaml --dry-run=client > old.yaml; kubectl apply -f old.yaml; kubectl apply --server-side -f old.yaml; kubectl get cm old -o yaml --show-managed-fields

kubectl apply -f old.yaml

kubectl apply --server-side -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
datta: {a: b}
Y

kubectl apply --server-side -f - <<Y
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: x}
spec: {hosts: 7}
Y

kubectl apply --server-side -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {generateName: x}
Y

kubectl get vs,cm,svc -o yaml --show-managed-fields
