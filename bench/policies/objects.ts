/** As many as a mesh has, and as many of them as are asked of each request of the server. */
export const POLICIES = 200
export const APPLYING = 20
const DENYING = 2

export const SERVER = { namespace: 'shop', pod: 'catalog-0', port: 8080 }

/**
 * Pods and 200 AuthorizationPolicies by identities, methods and paths, as Kubernetes has them: 20 of the server, two of
 * them DENY, and 180 of a workload each, half in its namespace and half in others. The bench's caller, service account
 * `web`, is let in by the last of the 20 alone.
 */
export function policyObjects(): object[] {
  const list = [podOf(SERVER.namespace, SERVER.pod, 'catalog', '10.0.0.1')]
  for (let at = 0; at < APPLYING; at++) list.push(policyOf(at, SERVER.namespace, 'catalog'))
  for (let at = APPLYING; at < POLICIES; at++) {
    const namespace = at % 2 === 0 ? SERVER.namespace : `team-${at % 9}`
    list.push(podOf(namespace, `app-${at}-0`, `app-${at}`, `10.0.1.${at}`))
    list.push(policyOf(at, namespace, `app-${at}`))
  }
  return list
}

function policyOf(at: number, namespace: string, app: string): object {
  const number = String(at).padStart(3, '0')
  const deny = at < DENYING
  // Paths of the bench's requests: none is refused, and no other ALLOW is met before the last has been asked.
  const operation = deny
    ? { methods: ['GET', 'POST'], paths: [`/admin-${at}/*`, `/users/{*}/secrets-${at}/{**}`] }
    : { methods: ['GET', 'HEAD'], paths: ['/bytes/*', `/users/{*}/cards-${at}/{**}`] }
  const serviceAccount = at === APPLYING - 1 ? 'web' : `caller-${at}`
  const source = deny ? { namespaces: ['*'] } : { serviceAccounts: [`shop/${serviceAccount}`] }
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { name: `policy-${number}`, namespace, generation: 1 },
    spec: {
      selector: { matchLabels: { app } },
      action: deny ? 'DENY' : 'ALLOW',
      rules: [{ from: [{ source }], to: [{ operation }] }],
    },
  }
}

function podOf(namespace: string, name: string, app: string, podIP: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app }, annotations: { 'weft.dev/status': '{}' } },
    spec: {
      serviceAccountName: app,
      initContainers: [{ name: 'weft-init' }, { name: 'weft-proxy', restartPolicy: 'Always' }],
      containers: [{ name: 'app', ports: [{ containerPort: SERVER.port, name: 'http' }] }],
    },
    status: { podIP },
  }
}
