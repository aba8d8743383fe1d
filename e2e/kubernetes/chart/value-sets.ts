import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const ISSUERS = join(import.meta.dirname, '../../../examples/issuers')

/** Values that people may give, each rendered to `golden/NAME.yaml`. The chart's own are in deploy/manifests. */
export const VALUE_SETS: Readonly<Record<string, object>> = {
  /** One machine, where what is for many stands in the way. */
  small: {
    controlPlane: {
      replicas: 1,
      podDisruptionBudget: { enabled: false },
      logLevel: 'debug',
      traceSampling: 1,
      canaryDeployments: true,
      store: { claim: 'telemetry' },
      collector: 'http://collector.observability:4317',
    },
    injector: { replicas: 1, podDisruptionBudget: { enabled: false }, failurePolicy: 'Ignore' },
    sidecar: { order: 'classic', logLevel: 'debug', drainSeconds: 5 },
    networkPolicies: { enabled: false },
    listenHost: '0.0.0.0',
  },
  /** A cluster with a registry, a mesh name, nodes and rules of its own. */
  company: {
    trustDomain: 'mesh.example',
    trustDomainAliases: ['cluster.local', 'old.example'],
    federatedBundles: [{ trustDomain: 'partner.example', from: 'https://mesh.partner.example/bundle' }],
    clusterDomain: 'k8s.example',
    images: {
      registry: 'registry.example:5000/weft/',
      tag: '0.1.0-company.2',
      pullPolicy: 'Always',
      pullSecrets: ['registry'],
      proxy: `registry.example/weft-proxy@sha256:${'0'.repeat(64)}`,
    },
    labels: { 'example.com/team': 'platform' },
    annotations: { 'example.com/ticket': 'OPS-1' },
    controlPlane: {
      replicas: 3,
      certificateHours: 12,
      keepAlive: { pingInterval: '30s', tcpTime: '1m', tcpInterval: '10s', tcpProbes: 6 },
      issuerSecret: 'mesh-ca',
      httpAuth: 'kubernetes',
      https: { enabled: true, secret: 'dashboard-tls' },
      httpProxy: { secret: 'dashboard-proxy', prefix: 'oidc:' },
      store: { mib: 1024 },
      tracing: {
        url: 'https://tempo.example/tempo',
        kind: 'tempo',
        tokenSecret: 'tempo-token',
        caSecret: 'tempo-ca',
      },
      extraArgs: ['--dns-name=mesh.example'],
      resources: { requests: { cpu: 1, memory: '1Gi' }, limits: { cpu: '2', memory: '4Gi' } },
      podLabels: { 'example.com/team': 'mesh' },
      podAnnotations: { 'example.com/scrape': 'true' },
      nodeSelector: { 'node-role.kubernetes.io/infra': '' },
      tolerations: [{ key: 'infra', operator: 'Exists', effect: 'NoSchedule' }],
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            {
              topologyKey: 'kubernetes.io/hostname',
              labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'weft-control-plane' } },
            },
          ],
        },
      },
      priorityClassName: 'system-cluster-critical',
      podDisruptionBudget: { maxUnavailable: '50%' },
    },
    injector: { replicas: 3, excludedNamespaces: ['builds'], extraArgs: ['--log-level=warn'] },
    sidecar: {
      excludeOutboundCidrs: ['169.254.169.254/32', 'fd00:ec2::254/128'],
      resources: { cpuRequest: '10m', cpuLimit: '1', memoryRequest: '64Mi', memoryLimit: '256Mi' },
    },
    networkPolicies: {
      apiServerCidrs: ['10.0.0.0/28', 'fd00::/64'],
      dashboardFrom: [
        { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
      ],
    },
  },
  /** A CNI plugin sets the capture rules. */
  cni: {
    images: {
      registry: 'registry.example',
      cni: `registry.example/weft-cni@sha256:${'1'.repeat(64)}`,
      pullSecrets: ['registry'],
    },
    annotations: { 'example.com/ticket': 'OPS-2' },
    cni: {
      enabled: true,
      binDir: '/var/lib/cni/bin',
      confDir: '/var/lib/cni/net.d',
      stateDir: '/opt/weft-cni',
      repair: 'label',
      logLevel: 'debug',
      podLabels: { 'example.com/team': 'network' },
      nodeSelector: { 'node.example/mesh': 'yes' },
    },
  },
  /** Vault signs, by a login with the control plane's ServiceAccount. */
  vault: exampleValues('vault'),
  /** A signer of the CertificateSigningRequest API. */
  signer: exampleValues('kubernetes-csr'),
  /** Sidecars read the roots from a ClusterTrustBundle. */
  'trust-bundle': { clusterTrustBundle: { signerName: 'weft.dev/mesh', sidecars: true } },
  /** SPIRE, by the socket of its agent. */
  spire: exampleValues('spire'),
}

/** Values that are refused, with the field and what is said of it. */
export const REFUSED: readonly (readonly [values: object, message: RegExp])[] = [
  [{ controlPlane: { issuer: { kind: 'venafi' } } }, /'\/controlPlane\/issuer\/kind'/],
  [
    { controlPlane: { issuer: { kind: 'kubernetes-csr' } } },
    /signerName is required with kind kubernetes-csr/,
  ],
  [
    { controlPlane: { issuer: { kind: 'vault', vault: { address: 'https://v', role: 'r' } } } },
    /needs kubernetesRole or tokenFile/,
  ],
  [{ clusterTrustBundle: { sidecars: true } }, /signerName is required with clusterTrustBundle\.sidecars/],
  [
    { clusterTrustBundle: { signerName: 'mesh' } },
    /'\/clusterTrustBundle\/signerName'.*does not match pattern/,
  ],
  [{ replicas: 3 }, /additional properties 'replicas' not allowed/],
  [{ controlPlane: { replica: 3 } }, /'\/controlPlane': additional properties 'replica' not allowed/],
  [{ controlPlane: { replicas: '2' } }, /'\/controlPlane\/replicas': got string, want integer/],
  [{ controlPlane: { replicas: 0 } }, /'\/controlPlane\/replicas': minimum: got 0, want 1/],
  [{ controlPlane: { collector: 'collector:4317' } }, /'\/controlPlane\/collector'.*does not match pattern/],
  [{ controlPlane: { traceSampling: 1.5 } }, /'\/controlPlane\/traceSampling': maximum/],
  [
    { controlPlane: { httpAuth: 'oidc' } },
    /'\/controlPlane\/httpAuth': value must be one of 'none', 'kubernetes'/,
  ],
  [
    { controlPlane: { httpProxy: { secret: 'proxy' } } },
    /httpProxy goes with controlPlane\.httpAuth kubernetes/,
  ],
  [{ controlPlane: { store: { mib: 8 } } }, /'\/controlPlane\/store\/mib': minimum/],
  [{ controlPlane: { store: { claim: 'a' } } }, /store\.claim goes with one replica/],
  [{ controlPlane: { certificateHours: 48 } }, /'\/controlPlane\/certificateHours': maximum/],
  [
    { controlPlane: { keepAlive: { pingInterval: '10' } } },
    /'\/controlPlane\/keepAlive\/pingInterval': .*does not match/,
  ],
  [{ controlPlane: { keepAlive: { tcpProbes: 128 } } }, /'\/controlPlane\/keepAlive\/tcpProbes'/],
  [{ controlPlane: { extraArgs: ['log-level'] } }, /'\/controlPlane\/extraArgs\/0': .*does not match/],
  [
    { controlPlane: { resources: { limits: { memory: '1 GB' } } } },
    /'\/controlPlane\/resources\/limits\/memory'/,
  ],
  [
    { injector: { failurePolicy: 'fail' } },
    /'\/injector\/failurePolicy': value must be one of 'Fail', 'Ignore'/,
  ],
  [{ injector: { excludedNamespaces: ['Builds'] } }, /'\/injector\/excludedNamespaces\/0': .*does not match/],
  [{ cni: { repair: 'restart' } }, /'\/cni\/repair': value must be one of 'off', 'label', 'delete'/],
  [{ cni: { binDir: 'opt/cni' } }, /'\/cni\/binDir': .*does not match/],
  [{ images: { tag: 'a b' } }, /'\/images\/tag': .*does not match/],
  [{ images: { proxy: 'weft proxy' } }, /'\/images\/proxy': .*does not match/],
  [{ images: { pullPolicy: 'Sometimes' } }, /'\/images\/pullPolicy': value must be one of/],
  [{ labels: { team: 'a b' } }, /'\/labels\/team': .*does not match/],
  [{ sidecar: { order: 'last' } }, /'\/sidecar\/order': value must be one of 'native', 'classic'/],
  [{ sidecar: { drainSeconds: -1 } }, /'\/sidecar\/drainSeconds': minimum/],
  [{ sidecar: { resources: { cpuLimit: 2 } } }, /'\/sidecar\/resources\/cpuLimit': got number, want string/],
  [
    { sidecar: { excludeOutboundCidrs: ['10.0.0.1'] } },
    /'\/sidecar\/excludeOutboundCidrs\/0': .*does not match/,
  ],
  [{ networkPolicies: { dashboardFrom: [{}] } }, /'\/networkPolicies\/dashboardFrom\/0': minProperties/],
  [{ listenHost: 'localhost' }, /'\/listenHost': value must be one of/],
  [{ trustDomain: 'Mesh' }, /'\/trustDomain': .*does not match/],
]

/** Those of examples/issuers. */
function exampleValues(issuer: string): object {
  return parse(readFileSync(join(ISSUERS, issuer, 'values.yaml'), 'utf8')) as object
}
