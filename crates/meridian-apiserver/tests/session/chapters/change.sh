# Patches, labels, edits and replacements.

cat > vs.yaml <<Y
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.example.com]
  http: [{route: [{destination: {host: httpbin}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {clusterIP: 10.96.7.7, ports: [{name: http, port: 80}], selector: {a: b}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: s, port: 80}]}]}
Y
kubectl create -f vs.yaml

kubectl patch vs a --type merge -p '{"spec":{"hosts":["b.example.com"]}}'

kubectl patch vs a --type merge -p '{"spec":{"hosts":["b.example.com"]}}'

kubectl patch vs a --type json -p '[{"op":"replace","path":"/spec/hosts/0","value":"c.example.com"}]'

kubectl patch vs a --type json -p '[{"op":"test","path":"/spec/hosts/0","value":"x"}]'

kubectl patch vs a --type json -p '[{"op":"remove","path":"/spec/nothing"}]'

# differs: Kubernetes' library adds what it should replace; RFC 6902 says that it must be there
kubectl patch vs a --type json -p '[{"op":"replace","path":"/spec/nothing","value":1}]'

kubectl patch vs a --type json -p '[{"op":"add","path":"/spec/hosts/7","value":"x"}]'

kubectl patch vs a --type json -p '[{"op":"nonsense","path":"/spec"}]'

kubectl patch vs a --type json -p '{"spec":{}}'

kubectl patch vs a --type merge -p '[]'

kubectl patch vs a --type merge -p 'nonsense'

kubectl patch vs a --type merge -p '{"spec":'

kubectl patch vs a -p '{"spec":{}}'

kubectl patch vs a --type nonsense -p '{}'

kubectl patch vs a --type merge -p '{"spec":{"hosts":7}}'

kubectl patch vs a --type merge -p '{"spec":{"hostz":["x"]}}'

kubectl patch vs a --type merge -p '{"metadata":{"name":"other"}}'

kubectl patch vs a --type merge -p '{"metadata":{"namespace":"other"}}'

kubectl patch vs a --type merge -p '{"kind":"Other"}'

kubectl patch vs a --type merge -p '{"apiVersion":"networking.istio.io/v1beta1"}'

kubectl patch vs a --type merge -p '{"apiVersion":"v1"}'

kubectl patch vs a --type merge -p '{"metadata":{"resourceVersion":"1"}}'

kubectl patch vs a --type merge -p '{"metadata":{"uid":"00000000-0000-0000-0000-000000000000"}}'

kubectl patch vs a --type merge -p '{"metadata":{"generation":77}}' -o jsonpath='{.metadata.generation}'

kubectl patch vs a --type merge -p '{"metadata":{"labels":{"-":"x"}}}'

# differs: Kubernetes quotes the whole object with its managed fields; ours names the field
kubectl patch vs a --type merge -p '{"metadata":{"labels":{"x":7}}}'

# differs: Kubernetes quotes the whole object with its managed fields; ours names the field
kubectl patch vs a --type merge -p '{"metadata":{"annotations":{"x":{}}}}'

kubectl patch vs none --type merge -p '{}'

kubectl patch vs a --type merge -p '{"spec":{"exportTo":["."]}}' --dry-run=server -o yaml

kubectl patch vs a --type merge -p '{"spec":{"exportTo":["."]}}' --dry-run=client

kubectl patch -f vs.yaml --type merge -p '{"metadata":{"labels":{"all":"yes"}}}'

kubectl patch vs a --subresource=status --type merge -p '{"status":{"conditions":[{"type":"Ready","status":"True"}]},"spec":{"hosts":["not.example.com"]}}' -o yaml

kubectl get vs a --subresource=status -o yaml

kubectl patch vs a --type merge -p '{"status":{"conditions":[]}}'

kubectl patch cm c --subresource=status --type merge -p '{"status":{}}'

kubectl patch cm c -p '{"data":{"a":null,"c":"d"}}' -o yaml

# differs: Kubernetes quotes the patch as Go prints it, and no field; ours names the field
kubectl patch cm c -p '{"data":{"n":7}}'

# differs: Kubernetes quotes the patch as Go prints it, and no field; ours names the field
kubectl patch cm c -p '{"data":"x"}'

kubectl patch cm c --type json -p '[{"op":"remove","path":"/data/none"}]'

kubectl patch cm c --type json -p '[{"op":"add","path":"/data/x.y~1z","value":"1"}]'

kubectl patch svc s -p '{"spec":{"ports":[{"port":81,"name":"b"}]}}' -o jsonpath='{.spec.ports}'

kubectl patch svc s -p '{"spec":{"ports":[{"port":81,"$patch":"delete"}]}}' -o jsonpath='{.spec.ports}'

kubectl patch svc s -p '{"spec":{"selector":{"$patch":"replace","c":"d"}}}' -o jsonpath='{.spec.selector}'

kubectl patch svc s -p '{"spec":{"$setElementOrder/ports":[{"port":82},{"port":80}],"ports":[{"name":"new","port":82}]}}' -o jsonpath='{.spec.ports}'

kubectl patch svc s -p '{"spec":{"clusterIP":"10.96.7.8"}}'

kubectl patch svc s -p '{"spec":{"type":"Nonsense"}}'

kubectl patch svc s -p '{"spec":{"ports":[{"port":99999}]}}'

kubectl patch svc s -p '{"spec":{"sessionAffinity":"x"}}'

kubectl patch svc s -p '{"spec":{"ports":null}}'

kubectl patch httproute r --type merge -p '{"spec":{"hostnames":["a.example.com"]}}' -o yaml

kubectl label vs a a=b

kubectl label vs a a=b

kubectl label vs a a=c

kubectl label vs a a=c --overwrite

kubectl label vs a a-

kubectl label vs a a-

kubectl label vs a '-bad=x'

kubectl label vs a 'a=-bad-'

kubectl label vs --all z=1

kubectl label svc,cm --all z=1

kubectl label vs a --list | sort

kubectl label vs -l z=1 y=2 --dry-run=server

kubectl label vs a r=1 --resource-version=1

kubectl annotate vs a a=b

kubectl annotate vs a a=c

kubectl annotate vs a a=c --overwrite

kubectl annotate vs a a-

kubectl annotate vs a 'bad key=x'

KUBE_EDITOR='sed -i s/c.example.com/e.example.com/' kubectl edit vs a

KUBE_EDITOR='true' kubectl edit vs a

KUBE_EDITOR='sed -i s/hosts:/hostz:/' kubectl edit vs a

KUBE_EDITOR='sed -i "s/^  name: a/  name: other/"' kubectl edit vs a

KUBE_EDITOR='sed -i "s/\"port\": 80,/\"port\": 8080,/"' kubectl edit svc s -o json

KUBE_EDITOR='sed -i "s/port: 8080$/port: 8081/"' kubectl edit svc s --output-patch

KUBE_EDITOR='sed -i s/a/b/' kubectl edit vs none

kubectl get vs a -o yaml > current.yaml; sed -i s/e.example.com/r.example.com/ current.yaml; kubectl replace -f current.yaml

kubectl replace -f current.yaml

kubectl replace -f vs.yaml

kubectl replace --force -f vs.yaml

kubectl replace -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: none}
Y

kubectl replace -f - <<Y
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: none, resourceVersion: "1"}
spec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}
Y

# differs: Kubernetes says where it keeps the object in etcd
kubectl replace -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: c, uid: 00000000-0000-0000-0000-000000000000}
Y

kubectl create configmap fixed --from-literal=a=b -o yaml --dry-run=client | sed '$aimmutable: true' | kubectl create -f -

kubectl patch cm fixed -p '{"data":{"a":"c"}}'

kubectl patch cm fixed -p '{"immutable":false}'

kubectl create secret generic typed --type=a/b

kubectl patch secret typed -p '{"type":"c/d"}'

kubectl set selector svc s x=y

kubectl expose svc s --port=90 --name=exposed

kubectl get vs,svc,cm,secret -o yaml

kubectl scale vs a --replicas=2

kubectl scale svc s --replicas=2
