# Generators, generated names, and what the client may leave out.

kubectl create configmap a --from-literal=a=b --from-literal=c=d

kubectl create configmap a --from-literal=a=b

kubectl create configmap a --from-literal=a=b --dry-run=server

kubectl create configmap b --from-literal=a=b --dry-run=server -o yaml

kubectl create configmap b --from-literal=a=b --dry-run=client -o yaml

printf 'one' > f1; printf '\xff\xfe' > f2; kubectl create configmap files --from-file=f1 --from-file=named=f2

kubectl get configmap files -o yaml

kubectl create secret generic s --from-literal=a=b

kubectl create secret docker-registry d --docker-server=r.example.com --docker-username=u --docker-password=p

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -keyout k -out c -days 30 2>/dev/null && kubectl create secret tls t --cert=c --key=k

kubectl create secret tls t --cert=k --key=c

kubectl get secret -o custom-columns=NAME:.metadata.name,TYPE:.type

kubectl get secret

kubectl create serviceaccount sa

kubectl create namespace create-more

kubectl create namespace create-more

kubectl create namespace Bad_Name

kubectl get namespace create-more -o yaml

kubectl delete namespace create-more

kubectl create service clusterip svc1 --tcp=80:8080

kubectl create service nodeport svc2 --tcp=80 --node-port=31999

kubectl create service loadbalancer svc3 --tcp=80:8080

kubectl create service externalname svc4 --external-name=example.com

kubectl create service clusterip svc5 --clusterip=None

kubectl get svc

kubectl get svc -o yaml

kubectl create ingress i --rule='a.example.com/*=svc1:80,tls=t' --class=istio

kubectl get ing i -o yaml

kubectl create token default > token && cut -d. -f1 token | wc -l

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {generateName: gen-}
Y

kubectl create -f - <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {generateName: gen-}
spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS}
Y

kubectl apply -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {generateName: gen-}
Y

kubectl get cm,serviceentry -o name | grep gen-

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: rv, resourceVersion: "1"}
Y

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: uid, uid: 00000000-0000-0000-0000-000000000000, creationTimestamp: "2001-01-01T00:00:00Z", selfLink: x, deletionTimestamp: "2001-01-01T00:00:00Z"}
Y

kubectl get cm uid -o yaml

kubectl create -f - <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: uid, uid: 00000000-0000-0000-0000-000000000000, creationTimestamp: "2001-01-01T00:00:00Z", generation: 7, selfLink: x, deletionTimestamp: "2001-01-01T00:00:00Z"}
spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS}
status: {conditions: [{type: x, status: y}]}
Y

kubectl get serviceentry uid -o yaml

kubectl create -f - --edit=false --save-config <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: saved}
data: {a: b}
Y

kubectl get cm saved -o yaml

kubectl create -f - --raw /api/v1/namespaces/create/configmaps <<Y
{"metadata": {"name": "raw"}}
Y

kubectl create deployment web --image=nginx

kubectl create role r --verb=get --resource=pods

kubectl create rolebinding rb --role=r --serviceaccount=create:default

kubectl create job j --image=busybox

kubectl create cronjob cj --image=busybox --schedule='* * * * *'

kubectl create pdb p --selector=a=b --min-available=1

kubectl create quota q --hard=pods=1

kubectl create priorityclass create-high --value=1000; kubectl delete priorityclass create-high

kubectl run pod --image=nginx --overrides='{"spec":{"serviceAccountName":"default"}}'

# differs: the status says that nothing runs the pods; the controller that writes one is not started there
kubectl get deploy web -o yaml

# differs: quotas are counted here; the controller that counts them is not started there
kubectl get deploy,role,rolebinding,job,cronjob,pdb,quota,pod

kubectl expose deployment web --port=80

kubectl scale deployment web --replicas=3

kubectl autoscale deployment web --max=3

# differs: it is said at once that nothing runs the pods; the controller that would say so is not started there
kubectl rollout status deployment web --timeout=1s

kubectl set image deployment/web nginx=nginx:2

kubectl auth can-i create vs

kubectl auth can-i --list > /dev/null

kubectl auth whoami > /dev/null

kubectl cluster-info | sed 's/\x1b\[[0-9;]*m//g'

kubectl wait --for=jsonpath='{.data.a}'=b cm/a

kubectl wait --for=condition=Ready vs/none --timeout=1s

kubectl wait --for=delete cm/none --timeout=1s

kubectl wait --for=create cm/a --timeout=1s
