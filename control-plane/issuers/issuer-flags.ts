import { TOKEN_PATH } from '../kubernetes/in-cluster.ts'
import type { IssuerChoice } from './open-issuer.ts'
import { hostPort, required } from '../../core/flags.ts'
import { WeftError } from '../../core/errors.ts'
import { readSignerName } from '../../core/cluster-trust-bundle.ts'
import type { VaultLogin } from './vault/vault-client.ts'

/** Flags of `weft control-plane` that say who signs the certificates of the mesh. */
export const ISSUER_FLAGS = {
  issuer: {
    value: 'KIND',
    default: 'own',
    help: 'own, kubernetes-csr, vault or spire (docs/issuers.md)',
  },
  'issuer-signer': {
    value: 'NAME',
    help: 'kubernetes-csr: spec.signerName of the CertificateSigningRequests, e.g. example.com/mesh',
  },
  'issuer-bundle-configmap': {
    value: 'NAME',
    help: 'kubernetes-csr: a ConfigMap in NS with the roots in ca.crt',
    otherwise: "the signer's ClusterTrustBundles",
  },
  'vault-address': { value: 'URL', help: 'vault: https://HOST:8200' },
  'vault-mount': { value: 'PATH', help: 'vault: where its PKI engine is', otherwise: 'pki' },
  'vault-role': { value: 'NAME', help: 'vault: the role that certificates are signed by' },
  'vault-endpoint': {
    value: 'NAME',
    help: 'vault: sign, where the role says which names are allowed, or sign-verbatim',
    otherwise: 'sign',
  },
  'vault-namespace': { value: 'NAME', help: "vault: one of Vault's own namespaces", otherwise: 'none' },
  'vault-ca': { value: 'FILE', help: 'vault: CAs of its server certificate', otherwise: "the system's" },
  'vault-token-file': {
    value: 'FILE',
    help: 'vault: holds a token that somebody else keeps fresh, as Vault Agent does',
  },
  'vault-kubernetes-role': {
    value: 'NAME',
    help: 'vault: instead of a token, the role to log in with by the own ServiceAccount',
  },
  'vault-kubernetes-mount': {
    value: 'PATH',
    help: 'vault: where its auth method kubernetes is',
    otherwise: 'kubernetes',
  },
  'vault-kubernetes-token': {
    value: 'FILE',
    help: "vault: the ServiceAccount's token, e.g. one with Vault's audience",
    otherwise: "the pod's own",
  },
  'spire-agent-socket': { value: 'PATH', help: "spire: of the agent's Workload API on this node" },
  'spire-server': { value: 'HOST:PORT', help: "spire: where the server's API is" },
} as const

type IssuerFlag = keyof typeof ISSUER_FLAGS
export type IssuerValues = { readonly [Name in IssuerFlag]?: string | undefined }

const KINDS = {
  own: [],
  'kubernetes-csr': ['issuer-signer', 'issuer-bundle-configmap'],
  vault: [
    'vault-address',
    'vault-mount',
    'vault-role',
    'vault-endpoint',
    'vault-namespace',
    'vault-ca',
    'vault-token-file',
    'vault-kubernetes-role',
    'vault-kubernetes-mount',
    'vault-kubernetes-token',
  ],
  spire: ['spire-agent-socket', 'spire-server'],
} as const satisfies Record<IssuerChoice['kind'], readonly IssuerFlag[]>

/** Throws WeftError `cli.flags` that names the flag. */
export function readIssuer(values: IssuerValues): IssuerChoice {
  const kind = values.issuer ?? 'own'
  if (!isKind(kind))
    throw wrong('issuer', `is ${JSON.stringify(kind)}: it is one of ${Object.keys(KINDS).join(', ')}`)
  for (const [owner, flags] of Object.entries(KINDS)) {
    const given = flags.find((flag) => values[flag] !== undefined)
    if (given && owner !== kind) throw wrong(given, `goes with --issuer=${owner} only`)
  }
  switch (kind) {
    case 'own':
      return { kind }
    case 'kubernetes-csr': {
      const signerName = readSignerName(
        '--issuer-signer',
        required('--issuer-signer', values['issuer-signer']),
      )
      return { kind, signerName, configMap: values['issuer-bundle-configmap'] }
    }
    case 'vault':
      return { kind, ...readVault(values) }
    case 'spire': {
      const agentSocket = required('--spire-agent-socket', values['spire-agent-socket']).replace(
        /^unix:(\/\/)?/,
        '',
      )
      if (!agentSocket.startsWith('/')) throw wrong('spire-agent-socket', 'must be the full path of a socket')
      return {
        kind,
        agentSocket,
        server: hostPort('--spire-server', required('--spire-server', values['spire-server'])),
      }
    }
  }
}

function readVault(values: IssuerValues): Omit<Extract<IssuerChoice, { kind: 'vault' }>, 'kind'> {
  const address = required('--vault-address', values['vault-address'])
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw wrong('vault-address', 'must be a URL such as https://vault.vault.svc:8200, without a user')
  const endpoint = values['vault-endpoint'] ?? 'sign'
  if (endpoint !== 'sign' && endpoint !== 'sign-verbatim')
    throw wrong('vault-endpoint', 'is sign or sign-verbatim')
  return {
    address: address.replace(/\/$/, ''),
    mount: path('vault-mount', values['vault-mount'] ?? 'pki'),
    role: path('vault-role', required('--vault-role', values['vault-role'])),
    endpoint,
    namespace: values['vault-namespace'],
    caPath: values['vault-ca'],
    login: readLogin(values),
  }
}

function readLogin(values: IssuerValues): VaultLogin {
  const { 'vault-token-file': file, 'vault-kubernetes-role': role } = values
  if (file !== undefined && role !== undefined)
    throw wrong('vault-token-file', 'does not go with --vault-kubernetes-role: there is one login')
  if (file !== undefined) return { kind: 'token-file', path: file }
  if (role === undefined) throw wrong('vault-kubernetes-role', 'is required, or --vault-token-file')
  return {
    kind: 'kubernetes',
    role,
    mount: path('vault-kubernetes-mount', values['vault-kubernetes-mount'] ?? 'kubernetes'),
    tokenPath: values['vault-kubernetes-token'] ?? TOKEN_PATH,
  }
}

/** A part of a URL that needs no escape. */
function path(flag: IssuerFlag, text: string): string {
  if (
    !/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(text) ||
    text.split('/').some((part) => /^\.+$/.test(part))
  )
    throw wrong(flag, `is ${JSON.stringify(text)}: letters, digits, dots, dashes, and slashes between`)
  return text
}

function isKind(text: string): text is IssuerChoice['kind'] {
  return Object.hasOwn(KINDS, text)
}

function wrong(flag: string, message: string): WeftError {
  return new WeftError('cli.flags', message, { field: `--${flag}` })
}
