# Every form in which objects are shown.

kubectl apply -f - <<Y
apiVersion: v1
kind: Service
metadata: {name: httpbin, labels: {app: httpbin, tier: web}}
spec:
  ports: [{name: http, port: 8000, targetPort: 80}]
  selector: {app: httpbin}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {a: b}, ports: [{name: a, port: 80}, {name: b, port: 81, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec: {type: LoadBalancer, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: noded}
spec: {type: NodePort, ports: [{port: 80, nodePort: 31380}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b, c: d}
binaryData: {e: Zg==}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {a: b}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b, labels: {app: httpbin}}
spec:
  hosts: [b.example.com, c.example.com]
  gateways: [gw, mesh]
  http: [{route: [{destination: {host: httpbin}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.example.com]
  http: [{route: [{destination: {host: httpbin}}]}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: se}
spec:
  hosts: [se.example.com]
  location: MESH_EXTERNAL
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: dr}
spec: {host: httpbin}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: we}
spec: {address: 192.0.2.1}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: sc}
spec: {egress: [{hosts: ["*/*"]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ap}
spec: {action: DENY, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: pa}
spec: {mtls: {mode: STRICT}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: t}
spec: {accessLogging: [{disabled: true}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: meridian, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: hr}
spec: {parentRefs: [{name: edge}], hostnames: [a.example.com], rules: [{backendRefs: [{name: httpbin, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: gr}
spec: {parentRefs: [{name: edge}], hostnames: [a.example.com], rules: [{backendRefs: [{name: httpbin, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: rg}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: get}], to: [{group: "", kind: Secret}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: istio}
spec: {controller: istio.io/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ing}
spec:
  ingressClassName: istio
  tls: [{hosts: [a.example.com], secretName: hidden}]
  rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: httpbin, port: {number: 80}}}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: meridian}
spec: {controllerName: meridian.dev/gateway-controller}
---
apiVersion: v1
kind: Pod
metadata: {name: pod, labels: {app: httpbin}}
spec: {serviceAccountName: default, nodeName: n1, containers: [{name: app, image: app:1}, {name: two, image: app:2}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sa}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: es, labels: {kubernetes.io/service-name: httpbin}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [192.0.2.1]}, {addresses: [192.0.2.2], conditions: {ready: false}}]
Y

# differs: Kubernetes warns of Endpoints since 1.33; this is the API of 1.32
kubectl apply -f - <<Y
apiVersion: v1
kind: Endpoints
metadata: {name: httpbin}
subsets: [{addresses: [{ip: 192.0.2.1}, {ip: 192.0.2.2}], ports: [{name: http, port: 80}]}]
Y

kubectl get vs

kubectl get virtualservices -o wide

kubectl get vs -A --show-labels --field-selector metadata.namespace=get

kubectl get vs -L app,none

kubectl get vs --no-headers

kubectl get vs --show-kind

kubectl get vs,dr,se,we,sidecar

kubectl get vs,dr,se,we,sidecar -o wide

kubectl get ap,pa,telemetry

kubectl get gateways.networking.istio.io

kubectl get gateways.gateway.networking.k8s.io,httproute,grpcroute,gtw -o wide

# differs: Istio's Gateway is meant here, whatever the definitions are called
kubectl get gateway

kubectl get gw

kubectl get referencegrants

kubectl get gc meridian

kubectl get istio-io

kubectl get gateway-api

kubectl get svc

kubectl get svc -o wide

kubectl get cm,secret,sa

kubectl get cm settings -o wide

kubectl get ing,endpointslices

kubectl get ing,endpointslices -o wide

# differs: Kubernetes warns of Endpoints since 1.33; this is the API of 1.32
kubectl get ep

# differs: Kubernetes warns of Endpoints since 1.33; this is the API of 1.32
kubectl get ep -o wide

kubectl get ingressclass istio

kubectl get ingressclass istio -o yaml

kubectl get pod

kubectl get pod -o wide

kubectl get ns get

kubectl get ns get -o yaml

kubectl get all

kubectl get all -o name

kubectl get vs -o name

kubectl get vs -o json

kubectl get vs a -o json

kubectl get vs,svc -o json -l app=httpbin

kubectl get vs b -o jsonpath='{.spec.hosts}{"\n"}{.metadata.name}{"\n"}'

kubectl get vs -o jsonpath='{range .items[*]}{.metadata.name}={.spec.hosts[0]}{"\n"}{end}'

kubectl get vs -o jsonpath-as-json='{.items[*].spec}'

kubectl get vs -o go-template='{{range .items}}{{.metadata.name}}{{"\n"}}{{end}}'

kubectl get vs -o custom-columns=NAME:.metadata.name,HOSTS:.spec.hosts[*],NONE:.spec.none

kubectl get vs,svc --sort-by=.metadata.name

kubectl get vs --sort-by=.metadata.creationTimestamp -o name

kubectl get vs --sort-by=.spec.nothing

kubectl get svc --chunk-size=2

kubectl get svc --chunk-size=1 -o name

kubectl get vs nothing

kubectl get vs nothing --ignore-not-found

kubectl get vs nothing a

kubectl get vs -l app=none

kubectl get vs -l app=none -o yaml

kubectl get vs -A -l app=none --field-selector metadata.namespace=get

kubectl get wasm

kubectl get nonsense

kubectl get vs/a svc/httpbin

kubectl get vs/a svc/httpbin -o yaml

kubectl get virtualservices.v1beta1.networking.istio.io a -o yaml

kubectl get virtualservice.networking.istio.io a

kubectl get vs -l 'app in (httpbin,other)' -o name

kubectl get vs -l 'app notin (httpbin)' -o name

kubectl get vs -l '!app' -o name

kubectl get vs -l 'app' -o name

kubectl get vs -l 'app in httpbin'

kubectl get vs -l 'a=b=c'

kubectl get vs -l 'app>x'

kubectl get vs -l 'a b'

kubectl get vs -l '-x=b'

kubectl get vs -l 'a=-x'

kubectl get vs --field-selector metadata.name=a -o name

kubectl get vs --field-selector metadata.name!=a -o name

kubectl get vs --field-selector metadata.namespace=get,metadata.name=b -o name

kubectl get vs --field-selector spec.hosts=a

kubectl get svc --field-selector spec.type=ExternalName

kubectl get svc --field-selector spec.clusterIP=None

kubectl get svc --field-selector spec.nothing=None

kubectl get svc --field-selector nonsense

kubectl get cm --field-selector data.a=b

kubectl get secret --field-selector type=Opaque

kubectl get pod --field-selector spec.nodeName=n1

kubectl get pod --field-selector status.phase=Pending -o name

kubectl get pod pod -o yaml

kubectl get secret hidden -o yaml

kubectl get cm settings -o yaml

kubectl get sa sa -o yaml

# differs: Kubernetes warns of Endpoints since 1.33; this is the API of 1.32
kubectl get ep httpbin -o yaml

kubectl get endpointslice es -o yaml

kubectl get ing ing -o yaml

kubectl get svc balanced headless noded outside -o yaml

kubectl get dr,se,we,sidecar,ap,pa,telemetry -o yaml

kubectl get httproute,grpcroute,gateways.gateway.networking.k8s.io,referencegrants -o yaml

kubectl get events

kubectl get --raw /api/v1/namespaces/get/configmaps/none

kubectl get --raw /apis/networking.istio.io/v1/namespaces/get/nonsense

kubectl get --raw /apis/nonsense

kubectl get --raw /nonsense

# The columns as the server describes them.
columns() { for kind in "$@"; do kubectl get "$kind" -v=10 2>&1 | grep -o '{"kind":"Table".*' | jq -c '.columnDefinitions[] | [.name, .type, .format, .priority]'; done; }; columns cm secret sa svc ing ingressclass ns pod endpointslices

columns() { for kind in "$@"; do kubectl get "$kind" -v=10 2>&1 | grep -o '{"kind":"Table".*' | jq -c '.columnDefinitions[] | [.name, .type, .format, .priority]'; done; }; columns vs dr se we sidecar ap pa telemetry gateways.networking.istio.io

columns() { for kind in "$@"; do kubectl get "$kind" -v=10 2>&1 | grep -o '{"kind":"Table".*' | jq -c '.columnDefinitions[] | [.name, .type, .format, .priority]'; done; }; columns gatewayclass gtw httproute grpcroute tlsroute tcproute udproute referencegrant backendtlspolicy listenerset xbackend xmesh
