# Who may do what: roles, bindings, and what is refused to others.

kubectl create role half --verb=get,update,patch --resource=services,configmaps,roles.rbac.authorization.k8s.io,leases.coordination.k8s.io

kubectl create rolebinding half --role=half --user=ann

kubectl auth can-i get services --as ann

kubectl auth can-i create services --as ann

kubectl auth can-i get services/x --as ann

kubectl auth can-i get services --as bob

kubectl auth can-i get services -n kube-system --as ann

kubectl auth can-i list nothings --as ann

kubectl auth can-i update services --subresource=status --as ann

kubectl auth can-i get /healthz --as ann

kubectl auth can-i get nodes --as ann

kubectl auth can-i get services --as ann -q

kubectl auth can-i --list --as ann

kubectl auth whoami --as ann

kubectl auth whoami --as ann --as-group team -o yaml

kubectl get secrets --as ann

kubectl get vs a --as ann

kubectl get services -A --as ann

kubectl get services none --as ann

kubectl create configmap one --from-literal=a=b --as ann

kubectl delete configmap one --as ann

# What is not there may be created by updates of some kinds, and by applying; both need the right to create.
cat > s.yaml <<Y
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
Y
kubectl replace -f s.yaml --as ann

kubectl apply --server-side -f s.yaml --as ann

kubectl apply -f s.yaml --as ann

kubectl apply -f s.yaml

kubectl apply --server-side --force-conflicts -f s.yaml --as ann

kubectl label service web a=b --as ann

kubectl get service web -o 'jsonpath={.metadata.labels}' --as ann

kubectl get services --as ann

# One object by its name.
kubectl create configmap two --from-literal=a=b; kubectl create configmap three --from-literal=a=b

kubectl create role one --verb=get,list,watch,delete --resource=configmaps --resource-name=two

kubectl create rolebinding one --role=one --group=team

kubectl get configmap two -o name --as bob --as-group team

kubectl get configmap three -o name --as bob --as-group team

kubectl get configmaps -o name --as bob --as-group team

kubectl get configmaps -o name --field-selector metadata.name=two --as bob --as-group team

kubectl delete configmap three --as bob --as-group team

kubectl delete configmap two --as bob --as-group team

# Nobody gives others what they may not do themselves.
cat > more.yaml <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: half}
rules:
- {apiGroups: [""], resources: [services, secrets], verbs: [get, update]}
- {apiGroups: [networking.istio.io], resources: ["*"], verbs: ["*"]}
Y
kubectl replace -f more.yaml --as ann

kubectl create rolebinding all --clusterrole=cluster-admin --user=ann --as ann

kubectl create role rights --verb=create --resource=rolebindings

kubectl create rolebinding rights --role=rights --user=ann

kubectl create rolebinding half-too --role=half --user=bob --as ann

kubectl create rolebinding all --clusterrole=cluster-admin --user=ann --as ann

kubectl create rolebinding early --role=later --user=bob --as ann

kubectl create rolebinding early --clusterrole=later --user=bob --as ann

# A service account.
kubectl create serviceaccount ci; kubectl create rolebinding ci --role=half --serviceaccount=rights:ci

kubectl auth can-i update services --as system:serviceaccount:rights:ci

kubectl auth can-i update services --as system:serviceaccount:rights:default

kubectl auth whoami --as system:serviceaccount:rights:ci -o 'jsonpath={.status.userInfo}'

kubectl get secrets --as system:serviceaccount:rights:ci

# A role that is not there.
kubectl create rolebinding lost --role=lost --user=eve

kubectl get secrets --as eve

# Roles as they are shown.
kubectl get roles,rolebindings

kubectl get rolebindings -o wide

kubectl get role half -o yaml

kubectl get rolebinding ci -o yaml

cat > reconciled.yaml <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: half}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [list]}
Y
kubectl auth reconcile -f reconciled.yaml

kubectl get role half -o yaml

kubectl get secrets --as ann

kubectl patch rolebinding ci --type=json -p '[{"op": "replace", "path": "/roleRef/name", "value": "one"}]'

kubectl create -f - <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: wrong}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Group, name: half}
subjects: [{kind: Robot, name: r}, {kind: ServiceAccount, name: ""}, {kind: User}]
Y

kubectl create -f - <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wrong}
roleRef: {kind: Role, name: a/b}
subjects:
- {kind: ServiceAccount, name: Upper}
- {kind: ServiceAccount, name: a, namespace: b, apiGroup: apps}
- {kind: User, name: a, apiGroup: apps}
- {kind: Group, name: a}
Y

kubectl create -f - <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: empty}
Y

kubectl create -f - <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: own}
roleRef: {kind: Role, name: half}
subjects: [{kind: ServiceAccount, name: ci}]
Y

kubectl get rolebinding own -o wide

kubectl create -f - <<Y
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: wrong}
rules:
- {verbs: []}
- {verbs: [get], nonResourceURLs: [/healthz]}
- {verbs: [get], apiGroups: [""]}
Y

kubectl delete role half; kubectl get services --as ann

kubectl delete rolebindings --all

# The reviews, as programs ask for them.
kubectl create -o yaml -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec: {user: ann, resourceAttributes: {verb: get, resource: services, namespace: rights}}
Y

kubectl create -o yaml -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: LocalSubjectAccessReview
metadata: {namespace: rights}
spec: {user: ann, resourceAttributes: {verb: get, resource: services, namespace: rights}}
Y

kubectl create -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: LocalSubjectAccessReview
metadata: {namespace: rights}
spec: {user: ann, resourceAttributes: {verb: get, resource: services, namespace: default}}
Y

kubectl create -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec: {resourceAttributes: {verb: get}}
Y

kubectl create -o yaml -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
metadata: {creationTimestamp: null, name: ""}
spec: {groups: ["system:masters"], nonResourceAttributes: {verb: get, path: /healthz}}
Y

# differs: what is not stored has no managed fields
kubectl create -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
metadata: {name: question}
spec: {user: ann, resourceAttributes: {verb: get, resource: services}}
Y

kubectl create -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec: {user: ann, resourceAttributes: {verbs: get, resource: services}}
Y

kubectl create --validate=ignore -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec: {user: [ann], resourceAttributes: {verb: get, resource: services}}
Y

kubectl create -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SelfSubjectAccessReview
spec: {}
Y

kubectl explain subjectaccessreviews.spec.resourceAttributes --recursive

kubectl explain tokenreviews.spec

kubectl create -f - <<Y
apiVersion: authorization.k8s.io/v1
kind: SelfSubjectAccessReview
spec: {resourceAttributes: {verb: get}, nonResourceAttributes: {path: /, verb: get}}
Y

kubectl create -o yaml -f - <<Y
apiVersion: authentication.k8s.io/v1
kind: TokenReview
spec: {token: nonsense}
Y

kubectl create -f - <<Y
apiVersion: authentication.k8s.io/v1
kind: TokenReview
spec: {}
Y

kubectl get selfsubjectaccessreviews

kubectl create token ci --duration 10m > token; kubectl auth whoami --token "$(cat token)" -o 'jsonpath={.status.userInfo.groups}'

kubectl create token ci --duration 1m

kubectl create token nobody

kubectl get services --token nonsense

kubectl get services --token "$(cat token)"
