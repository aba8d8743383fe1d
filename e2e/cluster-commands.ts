/** A command for a cluster as documents have it, by its first words, and where it is played on a real one. */
interface PlayedCommand {
  readonly begins: string
  /** File below e2e/kubernetes. */
  readonly by: string
  /** What stands in that file. */
  readonly as: string
}

/** Commands of kubectl and helm in documents, but those of getting-started.md, whose story plays that page itself. */
export const PLAYED_COMMANDS: readonly PlayedCommand[] = [
  {
    begins: 'kubectl apply --server-side -f https://github.com/kubernetes-sigs/gateway-api/',
    by: 'mesh/install.ts',
    as: "'apply', '--server-side', '--filename', gatewayApi",
  },
  {
    begins: 'kubectl apply --server-side -f deploy/chart/crds',
    by: 'replicas.kube.ts',
    as: "'apply', '--server-side', '-f', cluster.programs.gatewayApi, '-f', CRDS",
  },
  { begins: 'helm install weft deploy/chart ', by: 'mesh/install.ts', as: "'install', RELEASE, CHART" },
  { begins: 'helm upgrade weft deploy/chart ', by: 'chart/install.kube.ts', as: "release(helm, 'upgrade'" },
  { begins: 'helm uninstall weft ', by: 'chart/install.kube.ts', as: "'uninstall', RELEASE" },
  { begins: 'kubectl -n weft-system rollout status ', by: 'mesh/install.ts', as: "'rollout', 'status'" },
  { begins: 'kubectl -n shop rollout restart ', by: 'story/steps/rollout.ts', as: "'rollout', 'restart'" },
  {
    begins: 'kubectl label namespace shop weft.dev/inject=enabled',
    by: 'replicas.kube.ts',
    as: "'label', 'namespace', 'plain', 'weft.dev/inject=enabled'",
  },
  {
    begins: 'kubectl delete namespace weft-system',
    by: 'chart/install.kube.ts',
    as: "'delete', 'namespace', NAMESPACE",
  },
  {
    begins: 'kubectl -n weft-system delete configmap weft-ca',
    by: 'replicas.kube.ts',
    as: "'delete', 'configmap', 'weft-ca'",
  },
  {
    begins: 'kubectl apply -f examples/flagger',
    by: 'canary-controllers/flagger.ts',
    as: "['apply', '--filename', EXAMPLE]",
  },
  {
    begins: 'kubectl apply -f examples/argo-rollouts',
    by: 'canary-controllers/argo-rollouts.ts',
    as: "['apply', '--filename', EXAMPLE]",
  },
  {
    begins: 'kubectl -n flagger-demo set env deployment/hello ',
    by: 'canary-controllers/flagger.ts',
    as: "'set', 'env', 'deployment/hello'",
  },
  {
    begins: 'kubectl -n flagger-demo logs deployment/client',
    by: 'canary-controllers/answers.ts',
    as: "'logs', 'deployment/client'",
  },
  {
    begins: 'kubectl -n rollouts-demo logs deployment/client',
    by: 'canary-controllers/answers.ts',
    as: "'logs', 'deployment/client'",
  },
]

/** Those that no test plays as they stand: a change of what they name is to be tried by hand. */
export const UNPLAYED_COMMANDS: readonly string[] = [
  // e2e/kubernetes/cni.kube.ts installs with the plugin, in a namespace that enforces nothing.
  'kubectl label --overwrite namespace weft-system pod-security.kubernetes.io/enforce=privileged',
  'kubectl -n observability create configmap ',
  'kubectl -n observability label configmap weft-boards ',
  // e2e/kubernetes/chart/dashboard-access.kube.ts gives the same rights by manifests.
  'kubectl create serviceaccount ada',
  'kubectl create clusterrolebinding ada-sees-the-mesh',
  'kubectl create rolebinding ada-acts',
  'kubectl create token ada',
  'kubectl -n weft-system get secret weft-ca -o yaml | grep ',
  'kubectl create -f weft-ca.yaml',
  'kubectl create namespace weft-system',
  'kubectl -n weft-system get events --field-selector reason=IssuerFailed',
  'kubectl -n weft-system logs deployment/weft-control-plane | grep issuer',
  'kubectl -n weft-system create secret generic mesh-ca ',
  'kubectl delete canaries,peerauthentications --all --all-namespaces',
  'kubectl label namespace shop weft.dev/inject-',
  'kubectl get pods --all-namespaces -l weft.dev/injected',
  'kubectl delete configmaps --all-namespaces -l app.kubernetes.io/managed-by=weft-control-plane',
  'kubectl delete -f deploy/chart/crds',
  'kubectl get vs,dr,ap,ra,pa,svc,deploy -A -o yaml | weft migrate istio ',
  'kubectl get ns,svc,deploy,sp,httproutes.policy.linkerd.io,servers,authorizationpolicies.policy.linkerd.io,meshtlsauthentications,networkauthentications -A -o yaml | weft migrate linkerd ',
]
