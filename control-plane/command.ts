import {
  CA_SECRET,
  CONTROL_PLANE,
  GRPC_PORT,
  HTTP_PORT,
  HTTPS_PORT,
  PROXY_SECRET_HEADER,
  REPLICA_AUDIENCE,
  REPLICA_TOKEN_PATH,
  SYSTEM_NAMESPACE,
  UNCAPTURED_LABEL,
} from '../core/contract.ts'
import { inSection, LOG_LEVEL_FLAG } from '../core/command-line/description.ts'
import type { CommandDescription } from '../core/command-line/description.ts'
import { ISSUER_FLAGS } from './issuers/issuer-flags.ts'

/** `weft control-plane`. */
export const CONTROL_PLANE_COMMAND = {
  name: 'control-plane',
  summary: 'serve configuration, certificates and the dashboard',
  usage: ['--kubernetes [flags]', '--manifests DIR --ca-dir DIR --token-key-dir DIR [flags]'],
  about:
    'Serves the mesh: configuration (xDS over gRPC), certificates, telemetry, the REST API and the dashboard.',
  flags: {
    ...inSection(
      "In a cluster, several at once; writes route status, trust bundles and the webhook's certificate:",
      {
        kubernetes: { help: `read and follow the cluster's objects; the CA is the Secret ${CA_SECRET}` },
        kubeconfig: {
          value: 'FILE',
          help: 'which cluster',
          otherwise: 'in a pod its own; else KUBECONFIG, then ~/.kube/config',
        },
        context: { value: 'NAME', help: 'of the kubeconfig', otherwise: 'its current-context' },
        namespace: { value: 'NS', help: 'where Weft is installed', otherwise: SYSTEM_NAMESPACE },
        'http-auth': {
          value: 'HOW',
          help:
            'who may ask --http: none, whoever reaches it reads; or kubernetes, by bearer token and the verbs view, act and ' +
            'tap on resource mesh of group weft.dev (docs/observability.md)',
          otherwise: 'none',
        },
        'replica-token': {
          value: 'FILE',
          help: `with --http-auth kubernetes: a token of audience ${REPLICA_AUDIENCE} that replicas show each other`,
          otherwise: REPLICA_TOKEN_PATH,
        },
        'http-proxy-secret': {
          value: 'FILE',
          help:
            'with --http-auth kubernetes: secrets, one a line, by which a proxy that signs users in (OIDC) proves itself in ' +
            `${PROXY_SECRET_HEADER}; its X-Forwarded-User and X-Forwarded-Groups are then who asks (docs/observability.md)`,
          otherwise: 'no proxy is believed',
        },
        'http-proxy-prefix': {
          value: 'TEXT',
          help: 'put before the names that such a proxy says, as RBAC is to have them, e.g. oidc:',
          otherwise: 'nothing',
        },
        'issuer-secret': {
          value: 'NAME',
          help:
            'a Secret in NS with a CA of your own that signs, as cert-manager keeps one (tls.crt, tls.key, ca.crt; a ' +
            'P-256 key); waited for, and followed when it is renewed',
          otherwise: "off: Weft's own CA",
        },
        'cluster-trust-bundle': {
          value: 'SIGNER',
          help:
            'keep the roots in a ClusterTrustBundle of this signer, e.g. weft.dev/mesh, for pods that project it ' +
            '(docs/issuers.md)',
          otherwise: 'off',
        },
        'cni-repair': {
          value: 'HOW',
          choices: ['off', 'label', 'delete'],
          otherwise: 'off',
          help:
            'what becomes of pods that are held back because the CNI plugin set no capture rules: they are labelled ' +
            `${UNCAPTURED_LABEL}, or deleted where somebody makes them anew; ten at a time (docs/network.md)`,
        },
      },
    ),
    ...inSection('On one machine:', {
      manifests: {
        value: 'DIR',
        many: true,
        help: 'Kubernetes manifests to read and follow; may be given again, the last one wins',
      },
      problems: {
        value: 'FILE',
        help: "problems that something else found in them, as `weft local validate --json` prints them; shown with the control plane's own",
      },
      'ca-dir': { value: 'DIR', help: "the mesh's own CA: made on first use, mode 0600" },
      'state-dir': {
        value: 'DIR',
        help: 'keeps how far Canaries are, and the last good keys of token issuers, for the next start',
        otherwise: 'a temporary one: they begin anew',
      },
      'http-acts-from': {
        value: 'ADDRESS',
        many: true,
        help: 'an address of this machine from which Canaries may be moved over --http, beside loopback; may be given again',
      },
      'token-key-dir': {
        value: 'DIR',
        help: 'holds token-key.pub, which service account tokens are checked by',
      },
    }),
    ...inSection('Who signs certificates, where it is not a CA of the mesh itself:', ISSUER_FLAGS),
    ...inSection('Both:', {
      'trust-domain': { value: 'NAME', default: 'cluster.local', help: 'of SPIFFE IDs' },
      'trust-domain-aliases': {
        value: 'NAME,NAME',
        help: 'other names of the trust domain, while a mesh moves from one to the other: their identities are the same',
        otherwise: 'none',
      },
      'federated-bundle': {
        value: 'DOMAIN=FROM',
        many: true,
        help:
          'another trust domain whose identities count, proven by its roots alone, and a file (PEM or a SPIFFE bundle) or ' +
          'an https:// address (SPIFFE bundle endpoint, profile https_web) that has them; may be given again',
      },
      grpc: {
        value: 'HOST:PORT',
        default: `127.0.0.1:${GRPC_PORT}`,
        help: 'discovery, signing and OTLP, over TLS',
      },
      'grpc-plaintext': {
        value: 'HOST:PORT',
        help: 'discovery alone, without TLS and tokens, for other xDS clients on this machine; a loopback address',
        otherwise: 'off',
      },
      http: {
        value: 'HOST:PORT',
        default: `127.0.0.1:${HTTP_PORT}`,
        help: 'dashboard, REST, /live and /ready',
      },
      https: {
        value: 'HOST:PORT',
        help: `the same pages over TLS 1.3, e.g. 0.0.0.0:${HTTPS_PORT}; --http stays, for probes and other replicas`,
        otherwise: 'off',
      },
      'https-cert': {
        value: 'FILE',
        help: 'of --https: the certificate and its chain (PEM), followed as it is renewed',
        otherwise: "the certificate of --grpc, from the mesh's issuer, which names --dns-name",
      },
      'https-key': { value: 'FILE', help: 'its key (PEM)' },
      'http-host': {
        value: 'NAME',
        many: true,
        help:
          "a name that --http is asked by, e.g. an Ingress's; may be given again (addresses, localhost and --dns-name " +
          'always are; other names are refused, so that no web page can read it)',
      },
      'dns-name': {
        value: 'NAME',
        many: true,
        help: 'in the certificate of --grpc; may be given again',
        otherwise: `${CONTROL_PLANE}.NS.svc`,
      },
      'certificate-hours': {
        value: 'N',
        help: 'life of workload certificates, 0.001 to 24',
        otherwise: '24',
      },
      'drain-seconds': {
        value: 'N',
        default: '10',
        help: 'over which proxies are sent to other replicas, one by one, after SIGTERM, 0 to 600',
      },
      'trace-sampling': {
        value: 'N',
        default: '0.01',
        help: 'share of requests that begin a trace, 0 to 1',
      },
      collector: {
        value: 'URL',
        help: 'where all reports go on to, by OTLP over gRPC: http://HOST:4317, or https:// (docs/observability.md)',
        otherwise: 'nowhere',
      },
      'log-level': LOG_LEVEL_FLAG,
    }),
    ...inSection('What is kept of metrics, traces and events (docs/observability.md):', {
      store: {
        value: 'DIR',
        help: 'a directory for it, which outlives the process; one process alone may use it',
        otherwise: 'a little of it in memory',
      },
      'store-mib': {
        value: 'N',
        default: '256',
        help: 'what it may take there, 16 to 65536; the oldest goes, failed traces last',
      },
    }),
    ...inSection('Where traces are read in place of that (docs/observability.md):', {
      'tracing-url': {
        value: 'URL',
        help: 'a Jaeger (its query API) or a Tempo, e.g. http://jaeger-query.tracing:16686',
        otherwise: 'what control planes hold',
      },
      'tracing-kind': { value: 'KIND', help: 'which of the two: jaeger or tempo' },
      'tracing-token': {
        value: 'FILE',
        help: 'a bearer token that it is shown, read for each question',
        otherwise: 'none',
      },
      'tracing-ca': {
        value: 'FILE',
        help: 'certificates (PEM) that it is trusted by, read for each question',
        otherwise: "the system's",
      },
    }),
    ...inSection(
      'Keys of those who issue tokens to users, where a policy names them by a URL (docs/security-tokens.md):',
      {
        'jwks-ca': {
          value: 'FILE',
          help: "certificates (PEM) that are trusted beside the system's",
          otherwise: "the system's alone",
        },
        'jwks-allow': {
          value: 'CIDR',
          many: true,
          help: 'addresses that are asked all the same, e.g. 127.0.0.0/8; may be given again',
          otherwise: 'never this machine, its links, or a metadata service',
        },
        'jwks-http': { help: 'take keys by http:, too, which anybody on the way can change' },
      },
    ),
    ...inSection(
      'When sidecars ask a silent peer whether it is there, unless the annotation of that name says otherwise (docs/limits.md):',
      {
        'ping-interval': {
          value: 'TIME',
          help: 'silence of another sidecar before a PING, 1s to 1h',
          otherwise: '10s',
        },
        'ping-timeout': { value: 'TIME', help: 'for its answer, 1s to 10m', otherwise: '5s' },
        'tcp-keepalive-time': {
          value: 'TIME',
          help: 'silence before the kernel asks, 1s to 1h',
          otherwise: '3s',
        },
        'tcp-keepalive-interval': {
          value: 'TIME',
          help: 'between two such probes, 1s to 1h',
          otherwise: '1s',
        },
        'tcp-keepalive-probes': { value: 'N', help: 'unanswered ones, 1 to 127', otherwise: '10' },
      },
    ),
    ...inSection('What callers may take, so that none shuts out the others:', {
      'calls-per-pod': {
        value: 'N',
        help: 'calls of one pod that are open at once, 1 to 1024',
        otherwise: '32',
      },
      'kib-per-second-per-pod': {
        value: 'N',
        help: 'what one pod may send over time, and four times that at once, 16 to 65536',
        otherwise: '1024',
      },
      'series-mib-per-pod': {
        value: 'N',
        help: 'memory for what the sidecar of one pod counts, 1 to 1024',
        otherwise: '4',
      },
      'series-mib-per-namespace': {
        value: 'N',
        help: 'for those of one namespace, 1 to 4096',
        otherwise: '16',
      },
      'series-mib': { value: 'N', help: 'for all of them, 1 to 16384', otherwise: '32' },
      'traces-mib': { value: 'N', help: 'memory for traces, 1 to 16384', otherwise: '64' },
    }),
  },
  exit: '0 stopped by SIGTERM or SIGINT, 1 could not serve, 2 wrong flags',
} as const satisfies CommandDescription
