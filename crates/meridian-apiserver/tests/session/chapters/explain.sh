# What is said of kinds, and of single objects.

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain virtualservice

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain vs.spec

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain vs.spec.http.route.destination.port

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain vs.spec.http.route.destination.port.number

kubectl explain vs.spec.nonsense

kubectl explain nonsense

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain vs --recursive

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain vs.spec --recursive --api-version=networking.istio.io/v1beta1

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain dr.spec --recursive

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain serviceentry.spec

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain gateways.networking.istio.io --recursive

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain sidecar --recursive

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain workloadentry.spec

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain authorizationpolicy.spec.rules --recursive

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain telemetry.status

kubectl explain vs.metadata

kubectl explain vs.metadata.ownerReferences

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain httproute.spec.rules.matches.path

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain httproute --recursive | grep -v DESCRIPTION

kubectl explain service

# words: values are named without descriptions
kubectl explain service.spec.ports

kubectl explain service --recursive

kubectl explain configmap

kubectl explain secret

kubectl explain configmap.data

kubectl explain pod.spec.containers.image

kubectl explain pod.spec --recursive

kubectl explain ingress.spec.rules

kubectl explain ingressclass

# words: values are named without descriptions
kubectl explain namespace.status

kubectl explain serviceaccount

kubectl explain endpoints

# words: values are named without descriptions
kubectl explain endpointslice

kubectl explain event

# words: values are named without descriptions
kubectl explain deployment.spec.strategy

# words: the descriptions of Istio and of Gateway API are our own
kubectl explain vs -o plaintext-openapiv2 | head -5

kubectl api-resources --api-group=networking.istio.io

kubectl api-resources --api-group=networking.istio.io -o wide

kubectl api-resources --api-group=security.istio.io -o wide

kubectl api-resources --api-group=telemetry.istio.io -o name

kubectl api-resources --api-group=gateway.networking.k8s.io

kubectl api-resources --api-group=discovery.k8s.io -o wide

kubectl api-resources --api-group=nonsense

kubectl api-resources --namespaced=false --api-group=gateway.networking.k8s.io --no-headers

kubectl api-resources --categories=istio-io --sort-by=name -o name

kubectl api-resources | grep -E '^(configmaps|secrets|services|namespaces|endpoints|pods|serviceaccounts|events|endpointslices|ingresses|ingressclasses) '

# differs: Ingress of networking.k8s.io/v1beta1, which older tutorials apply, is served too
kubectl api-versions | grep -E 'istio|gateway|^v1$|networking.k8s.io|discovery'

kubectl get --raw /apis/networking.istio.io

kubectl get --raw /apis/networking.istio.io/v1

kubectl get --raw /api

kubectl get --raw /healthz

kubectl get --raw /readyz

kubectl get --raw /livez

kubectl apply -f - <<Y
apiVersion: v1
kind: Service
metadata: {name: s, labels: {a: b}, annotations: {c: d}}
spec: {selector: {app: s}, ports: [{name: http, port: 80, targetPort: web}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b}
binaryData: {e: Zg==}
---
apiVersion: v1
kind: Secret
metadata: {name: h}
stringData: {a: b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sa}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a.example.com], http: [{route: [{destination: {host: s}}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: s, port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
spec:
  rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: s}}
spec: {serviceAccountName: sa, nodeName: n1, containers: [{name: app, image: app:1}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: e, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [192.0.2.1]}]
Y

kubectl create -f - <<Y
apiVersion: v1
kind: Event
metadata: {name: v.1}
type: Warning
reason: Nonsense
message: it is wrong
count: 3
source: {component: test}
involvedObject: {apiVersion: networking.istio.io/v1, kind: VirtualService, name: v, namespace: explain, uid: $(kubectl get vs v -o jsonpath={.metadata.uid})}
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
Y

kubectl describe vs v

kubectl describe svc s

kubectl describe cm c

kubectl describe secret h

kubectl describe sa sa

kubectl describe httproute r

kubectl describe ingress i

kubectl describe pod p

kubectl describe endpointslice e

kubectl describe ns explain

kubectl describe vs none

kubectl describe vs -l a=none

kubectl get events

kubectl get events -o wide

kubectl get events --field-selector involvedObject.kind=VirtualService,type=Warning -o name

kubectl events

kubectl events --for vs/v

kubectl get event v.1 -o yaml
