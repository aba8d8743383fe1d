import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import * as contract from './contract.ts'

const PROJECT = join(import.meta.dirname, '..')
const PRODUCT = '{core,certs,proxy,control-plane,injector,cli,local}/**/*.ts'
const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8')

/** Words that mean other things elsewhere, too: what is looked for is the place where they mean this. */
const IN_PLACE: Partial<Record<keyof typeof contract, RegExp>> = {
  TOKEN_AUDIENCE: /\b(audience: |audiences: \[)'weft'/,
  // Also a number of a socket option.
  NOT_CAPTURED_EXIT: /\b(exitCode === |NOT_CAPTURED\w* = )41\b/,
  USER_AGENT: /userAgentName: 'weft'/,
  NODE_NAMESPACE: /\b(text\('NAMESPACE'\)|metadata: \{ NAMESPACE)/,
  INBOUND_LISTENER: /\bINBOUND\w* = 'inbound'/,
  OWN_CERTIFICATE_SECRET: /\b(sds\.name !== 'default'|OWN_CERTIFICATE\w* = 'default')/,
  // Also the group of Weft's own kinds, and the beginning of its labels.
  METADATA: /\['weft\.dev'\]|'weft\.dev': |^const \w+ = 'weft\.dev'/m,
  ANY_UPGRADE: /(upgradeType: |upgrades\b.*)'\*'/,
  METADATA_SERVICE: /(METADATA|'weft\.dev')\]?, 'service'/,
  METADATA_IDENTITY: /(METADATA|'weft\.dev')\]?, 'identity'/,
  METADATA_WORKLOAD: /(METADATA|'weft\.dev')\]?, 'workload'/,
  METADATA_OWNER: /(METADATA|'weft\.dev')\]?, 'owner'/,
  TAKES_OWNERS: /TAKES\]?: 'owners/,
  // Also the name of a question, a page and a verb.
  TAKES_TAP: /TAKES\]?: 'tap/,
  // Fields of ours, of TrafficPolicy and of Envoy have these names, too.
  METADATA_RETRY_NON_IDEMPOTENT: /(METADATA|'weft\.dev')\]?, 'retryNonIdempotent'/,
  METADATA_PEAK_EWMA: /(METADATA|'weft\.dev')\]?, 'peakEwma'/,
  METADATA_OUTLIER: /(METADATA|'weft\.dev')\]?, 'outlier'/,
  METADATA_HEDGE: /(METADATA|'weft\.dev')\]?, 'hedge'/,
  METADATA_PRIORITY_HEADER: /(METADATA|'weft\.dev')\]?, 'priorityHeader'/,
  METADATA_AUDIT: /(METADATA|'weft\.dev')\]?, 'audit'/,
  TAKES_OUTLIER_DETECTION: /TAKES\]?: '/,
  // Also the name of Kubernetes' own rules.
  TAKES_RBAC: /TAKES\]?: 'rbac/,
  // Also how words of certificates begin.
  TAKES_TRUST: /TAKES\]?: 'trust/,
  METADATA_TRUST: /(METADATA|'weft\.dev')\]?, 'trust'/,
  // Also a folder's name, and a part of many.
  TAKES_TELEMETRY: /TAKES\]?: 'telemetry/,
  METADATA_TELEMETRY: /(METADATA|'weft\.dev')\]?, 'telemetry'/,
  METADATA_ACCESS_LOG: /(METADATA|'weft\.dev')\]?, 'accessLog'/,
  // Also the name of Envoy's filter.
  TAKES_JWT: /TAKES\]?: 'jwt_authn/,
}

/** Where a word of the contract stands and is another thing's name. */
const OTHERS: readonly (readonly [file: string, word: string])[] = [
  // The name of a volume.
  ['injector/volumes.ts', 'weft-ca'],
  // Who owns the fields that the command writes.
  ['cli/identity/revocations.ts', 'weft-identity'],
  // Examples and remedies: documents.
  ['core/checks/mesh.ts', 'weft-proxy'],
  ['core/checks/pods.ts', 'weft.dev/inject'],
  // Linkerd's own name for it.
  ['cli/migrate/linkerd/pods.ts', 'opaque-ports'],
]

function patternOf(name: string, value: string | number): RegExp {
  const own = IN_PLACE[name as keyof typeof contract]
  if (own) return own
  // `15_001`, too; `15_000` is a time elsewhere.
  if (typeof value === 'number')
    return new RegExp(`\\b${value % 1000 === 0 ? value : `${value}`.replace(/(?=\d{3}$)/, '_?')}\\b`)
  const text = RegExp.escape(value)
  // A name of Weft's own is one wherever it stands; any other word only as a whole literal, or as its beginning.
  return value.includes('weft')
    ? new RegExp(String.raw`(?<![\w.-])${text}(?![\w-])`)
    : new RegExp(`['"\`]${text}`)
}

/** Without comments and the text of --help, which are documents. */
function codeOf(text: string): string {
  return text
    .replace(/const \w*HELP = `(?:[^`\\]|\\.)*`/g, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
}

t.test('what images agree on stands nowhere else in what they run', (t) => {
  const words = Object.entries(contract).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number'
      ? [{ name, value, pattern: patternOf(name, value) }]
      : [],
  )
  t.ok(words.length > 40)
  const files = globSync(PRODUCT, { cwd: PROJECT }).filter(
    (path) => !/[.]test[.]ts$|\/testing\/|\/generated\/|^core\/contract[.]ts$/.test(path),
  )
  t.ok(files.length > 300)
  for (const path of files) {
    const code = codeOf(read(path))
    for (const { name, value, pattern } of words) {
      if (OTHERS.some(([file, word]) => file === path && word === value)) continue
      const found = pattern.exec(code)
      if (found) t.fail(`${path} says ${found[0]} where it should import ${name} from core/contract.ts`)
    }
  }
  t.end()
})

const NAMES = new Set([
  contract.PROXY_CONTAINER,
  contract.INIT_CONTAINER,
  contract.SYSTEM_NAMESPACE,
  contract.CONTROL_PLANE,
  contract.INJECTOR,
  contract.CNI_PLUGIN,
  contract.LEADER_LEASE,
  contract.TOKEN_KEYS_CONFIG_MAP,
  contract.CA_SECRET,
  contract.WEBHOOK_SECRET,
  contract.REPLICA_AUDIENCE,
  // Only the chart's: roles that people are bound to.
  'weft-dashboard-view',
  'weft-dashboard-act',
  // Only the chart's: a policy that looks at labels of namespaces.
  'weft-namespace-label',
])
const PORTS = new Set<number>([
  ...contract.RESERVED_PORTS,
  contract.GRPC_PORT,
  contract.HTTP_PORT,
  contract.HTTPS_PORT,
  contract.WEBHOOK_PORT,
  contract.CNI_HEALTH_PORT,
])

t.test('manifests and Dockerfiles know no other names, ports and users', (t) => {
  const files = globSync('deploy/{manifests,chart/templates,docker}/**/*.{yaml,tpl,txt,Dockerfile,sh}', {
    cwd: PROJECT,
  })
  t.ok(files.length > 20)
  for (const path of files) {
    const text = read(path).replaceAll(/^ *#.*$/gm, '')
    for (const [name] of text.matchAll(/\bweft-[a-z]+(-[a-z]+)*\b(?!\.txt)/g))
      if (!NAMES.has(name)) t.fail(`${path} says ${name}, which core/contract.ts does not know`)
    for (const [port] of text.matchAll(/\b15\d{3}\b/g))
      if (!PORTS.has(Number(port))) t.fail(`${path} says ${port}, which is no port of core/contract.ts`)
    for (const [label] of text.matchAll(/\bweft\.dev\/[a-z]+(-[a-z]+)*\b(?!1)/g))
      if (label !== contract.INJECT_LABEL) t.fail(`${path} says ${label}, and not ${contract.INJECT_LABEL}`)
  }
  const { PROXY_UID, PROXY_GID, OUTBOUND_PORT, INBOUND_PORT, HEALTH_PORT, METRICS_PORT } = contract
  const proxy = read('deploy/docker/proxy.Dockerfile')
  t.match(proxy, `USER ${PROXY_UID}:${PROXY_GID}\n`)
  t.match(proxy, `EXPOSE ${OUTBOUND_PORT} ${INBOUND_PORT} ${HEALTH_PORT} ${METRICS_PORT}\n`)
  t.match(
    read('deploy/docker/control-plane.Dockerfile'),
    `EXPOSE ${contract.GRPC_PORT} ${contract.HTTP_PORT}\n`,
  )
  t.match(read('deploy/docker/injector.Dockerfile'), `EXPOSE ${contract.WEBHOOK_PORT}\n`)
  t.end()
})

t.test('the static manifests say the same where it matters', (t) => {
  const objects = parseAllDocuments(read('deploy/manifests/weft.yaml')).map((one) => one.toJS())
  const named = (kind: string, name: string) => {
    const found = objects.find((one) => one.kind === kind && one.metadata.name === name)
    if (!found) throw new Error(`there is no ${kind} ${name}`)
    return found
  }
  const { CONTROL_PLANE, INJECTOR, GRPC_PORT, HTTP_PORT, WEBHOOK_PORT } = contract
  named('Namespace', contract.SYSTEM_NAMESPACE)
  const ports = (list: { port?: number; containerPort?: number }[]) =>
    list.map((one) => one.port ?? one.containerPort)
  t.same(ports(named('Service', CONTROL_PLANE).spec.ports), [GRPC_PORT, HTTP_PORT])
  const container = (name: string) => named('Deployment', name).spec.template.spec.containers[0]
  t.same(ports(container(CONTROL_PLANE).ports), [GRPC_PORT, HTTP_PORT])
  const flags: readonly string[] = container(CONTROL_PLANE).args
  const valueOf = (name: string) => flags.find((flag) => flag.startsWith(`${name}=`))?.slice(name.length + 1)
  t.equal(valueOf('--namespace'), contract.SYSTEM_NAMESPACE)
  t.equal(valueOf('--grpc'), `[::]:${GRPC_PORT}`)
  t.equal(valueOf('--http'), `[::]:${HTTP_PORT}`)
  t.equal(valueOf('--dns-name'), contract.systemServiceHost(CONTROL_PLANE))
  t.same(ports(container(INJECTOR).ports), [WEBHOOK_PORT])
  t.ok(container(INJECTOR).args.includes(`--listen=[::]:${WEBHOOK_PORT}`))
  for (const name of [CONTROL_PLANE, INJECTOR]) {
    t.equal(container(name).readinessProbe.httpGet.path, contract.READY_PATH)
    t.match(container(name).image, new RegExp(`^${name}:`))
  }
  const { webhooks } = named('MutatingWebhookConfiguration', INJECTOR)
  for (const { clientConfig, namespaceSelector } of webhooks) {
    t.equal(clientConfig.service.name, INJECTOR)
    t.ok(
      namespaceSelector.matchExpressions.some((one: { key: string }) => one.key === contract.INJECT_LABEL),
      'namespaces that take part are told by the label',
    )
  }
  const settings = named('ConfigMap', INJECTOR).data['settings.yaml']
  t.match(settings, `controlPlane: ${contract.systemServiceHost(CONTROL_PLANE)}:${GRPC_PORT}\n`)
  const rights = JSON.stringify([named('Role', CONTROL_PLANE), named('ClusterRole', CONTROL_PLANE)])
  for (const name of [
    contract.LEADER_LEASE,
    contract.CA_SECRET,
    contract.WEBHOOK_SECRET,
    contract.BUNDLE_CONFIG_MAP,
  ])
    t.ok(rights.includes(`"${name}"`), `the control plane has rights on ${name}`)
  t.end()
})
