# What client libraries see and kubectl does not show: statuses, types, parameters.

field() { kubectl config view --raw --minify -o jsonpath="{$1}"; }; field .clusters[0].cluster.certificate-authority-data | base64 -d > ca; field .users[0].user.client-certificate-data | base64 -d > crt; field .users[0].user.client-key-data | base64 -d > key; field .clusters[0].cluster.server > server; wc -l < server

cat > ask.sh <<'S'
# ask.sh PATH OPTIONS...: the status, the type, the warnings and the body of an answer.
path=$1; shift
curl -sS -A client -D head -o body --cacert ca --cert crt --key key -w '%{http_code} %{content_type}\n' "$@" "$(cat server)$path"
grep -i '^warning:' head | tr -d '\r'; cat body; echo
S
cat > cm.sh <<'S'
# cm.sh OPTIONS...: asks for the ConfigMaps of the namespace.
path=$1; shift; bash ask.sh "/api/v1/namespaces/http/configmaps$path" "$@"
S
for name in a b c; do kubectl create configmap $name --from-literal=k=$name; done

bash cm.sh /a

bash cm.sh /none

bash cm.sh '?limit=1' | jq -Rr 'fromjson? // . | if type == "object" then [.kind, .metadata.remainingItemCount, (.metadata.continue | length > 0), [.items[].metadata.name]] else . end' -c

bash cm.sh "?limit=1&continue=$(bash cm.sh '?limit=1' | tail -n 1 | jq -r .metadata.continue)" | tail -n 1 | jq -c '[.metadata.remainingItemCount, [.items[].metadata.name]]'

bash cm.sh "?limit=2&labelSelector=x!=y" | tail -n 1 | jq -c '[.metadata.remainingItemCount, [.items[].metadata.name]]'

bash cm.sh /a -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' | jq -Rc 'fromjson? // . | if type == "object" then [.kind, .apiVersion, .rows[0].cells, .rows[0].object.kind, .rows[0].object.apiVersion] else . end'

bash cm.sh '/a?includeObject=None' -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' | tail -n 1 | jq -c '.rows[0].object'

bash cm.sh '/a?includeObject=Object' -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' | tail -n 1 | jq -c '.rows[0].object.data'

bash cm.sh /a -H 'Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' | jq -Rc 'fromjson? // . | if type == "object" then [.kind, .apiVersion, .metadata.name, .data] else . end'

bash cm.sh '' -H 'Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' | jq -Rc 'fromjson? // . | if type == "object" then [.kind, .apiVersion, [.items[].metadata.name]] else . end'

bash cm.sh /a -H 'Accept: application/json;as=Table;v=v9;g=meta.k8s.io' | head -n 1

bash cm.sh /a -H 'Accept: text/html, application/json;q=0.5' | head -n 1

# differs: objects are answered in JSON and YAML, not in protobuf
bash cm.sh /a -H 'Accept: text/html'

bash cm.sh '' -H 'Content-Type: text/plain' -d x

bash cm.sh '' -H 'Content-Type: application/json; charset=utf-8' -d '{"metadata":{"name":"d"}}' | head -n 1

bash cm.sh '' -H 'Content-Type: application/yaml' -d 'metadata: {name: e}' | head -n 1

# differs: the types of patches are named, as Kubernetes did before 1.36
bash cm.sh '/a' -X PATCH -H 'Content-Type: application/json' -d '{}'

bash cm.sh '' -X PUT -d '{}'

bash cm.sh '' -X PATCH -d '{}'

bash cm.sh /a -X POST -d '{}'

bash cm.sh /a -X OPTIONS

bash ask.sh /version -X POST

bash ask.sh /api/v1/namespaces -X DELETE

bash cm.sh '?dryRun=Some' -H 'Content-Type: application/json' -d '{"metadata":{"name":"x"}}'

bash cm.sh '?fieldValidation=Some' -H 'Content-Type: application/json' -d '{"metadata":{"name":"x"}}'

bash cm.sh '?nonsense=x' -H 'Content-Type: application/json' -d '{"metadata":{"name":"f"}}' | head -n 1

bash cm.sh '' -H 'Content-Type: application/json' -d '{"metadata":{"name":"w"},"nonsense":1}' | head -n 2

bash cm.sh '/a?propagationPolicy=Some' -X DELETE

bash cm.sh '/a' -X DELETE -H 'Content-Type: application/json' -d '{"preconditions":{"uid":"00000000-0000-0000-0000-000000000000"}}'

bash cm.sh '/a' -X DELETE -H 'Content-Type: application/json' -d '{"preconditions":{"resourceVersion":"1"}}' | sed 's/ResourceVersion in record ([0-9]*)/ResourceVersion in record (VERSION)/g'

bash cm.sh '/a?dryRun=All' -X DELETE | tail -n 1 | jq -c '[.kind, .status]'

bash cm.sh /a -X DELETE

bash cm.sh '?labelSelector=x=y' -X DELETE | tail -n 1 | jq -c '[.kind, (.items | length)]'

bash cm.sh '?fieldSelector=metadata.name=b' -X DELETE | tail -n 1 | jq -c '[.kind, [.items[].metadata.name]]'

bash cm.sh /b -X PUT -H 'Content-Type: application/json' -d '{"metadata":{"name":"other"}}'

bash cm.sh /b -X PUT -H 'Content-Type: application/json' -d '{"metadata":{"name":"b"}}'

bash cm.sh /c -X PUT -H 'Content-Type: application/json' -d '{"metadata":{"name":"c","resourceVersion":"1"}}'

bash ask.sh /api/v1/configmaps -H 'Content-Type: application/json' -d '{"metadata":{"name":"x"}}'

bash ask.sh /api/v1/namespaces/none/configmaps -H 'Content-Type: application/json' -d '{"metadata":{"name":"x"}}'

bash cm.sh '/c?watch=1&timeoutSeconds=1' | tail -n 1 | jq -c '[.type, .object.metadata.name]'

# differs: this way to watch has been deprecated since 1.11, and no client uses it
bash ask.sh '/api/v1/watch/namespaces/http/configmaps?timeoutSeconds=1&fieldSelector=metadata.name=c' | head -n 2 | jq -Rc 'fromjson? // . | if type == "object" then [.type, .object.metadata.name] else . end'

# differs: a revision that is still to come is refused, so that clients of another store list anew at once
bash cm.sh '?watch=1&timeoutSeconds=1&resourceVersion=99999999' | jq -Rc 'fromjson? // . | if type == "object" then [.type, .object.reason, .object.code, .reason, .code] else . end'

bash cm.sh '?resourceVersion=99999999' | sed 's/current: [0-9]*/current: VERSION/g'

bash ask.sh /apis/authorization.k8s.io/v1/selfsubjectaccessreviews -H 'Content-Type: application/json' -d '{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}' | jq -Rc 'fromjson? // . | if type == "object" then [.kind, .status.allowed] else . end'

bash ask.sh /nonsense

bash ask.sh /api/v9

bash ask.sh /apis/networking.istio.io/v9

bash ask.sh /apis/networking.istio.io/v1/namespaces/http/nonsense

bash ask.sh /api/v1/namespaces/http/nonsense

bash ask.sh /api/v1/namespaces/http/nonsense/x/y/z

bash ask.sh /api/v1/namespaces/http/configmaps/ | head -n 1

bash ask.sh /apis/networking.istio.io/v1/namespaces/http/virtualservices/none

bash ask.sh /apis/networking.istio.io/v1/namespaces/http/virtualservices -H 'Content-Type: application/json' -d '{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"x"},"spec":{"hosts":[7]}}'

# differs: Kubernetes gives JSON the type of text
bash ask.sh /openapi/v3 | head -n 1

bash ask.sh /openapi/v3/api/v9

bash ask.sh /openapi/v2 -H 'Accept: application/json' | head -n 1

bash ask.sh /healthz

bash ask.sh /livez/ping

curl -s -o /dev/null -w '%{http_code}\n' --cacert ca "$(cat server)/api/v1/namespaces/http/configmaps"

curl -s --cacert ca "$(cat server)/api/v1/namespaces/http/configmaps"

curl -s --cacert ca -H 'Authorization: Bearer nonsense' "$(cat server)/api/v1/namespaces/http/configmaps"

curl -s --cacert ca "$(cat server)/healthz"

# Answers in YAML.
bash cm.sh /c -H 'Accept: application/yaml'

bash cm.sh /none -H 'Accept: application/yaml'

bash cm.sh /c -H 'Accept: application/yaml;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'

bash cm.sh /c -H 'Accept: application/yaml, application/json' | head -n 1

# differs: objects are answered in JSON and YAML, not in protobuf
bash cm.sh '?watch=true&timeoutSeconds=1' -H 'Accept: application/yaml'

bash ask.sh /apis/apps -H 'Accept: application/yaml'

# differs: the version is told in YAML too
bash ask.sh /version -H 'Accept: application/yaml' | head -n 1

bash ask.sh /openapi/v2 -H 'Accept: application/yaml'
