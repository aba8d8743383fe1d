import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DAY } from '../../../certs/authority.ts'
import { buildCertificate, distinguishedName } from '../../../certs/certificate.ts'
import { implicit, octets, oid, sequence, toDer, type Asn1 } from '../../../certs/der.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../certs/extensions.ts'
import { generateKey, keyIdentifier, privateKeyPem, spkiDer } from '../../../certs/key.ts'
import { Oid } from '../../../certs/oids.ts'
import { API_SERVICE_ADDRESS, NODE_ADDRESS, NODE_NAME } from './addresses.ts'

interface Identity {
  /** User name, and its group if it has one: what Kubernetes reads from a client's certificate. */
  readonly commonName: string
  readonly organization?: string
  readonly dns?: readonly string[]
  readonly addresses?: readonly string[]
}

export const IDENTITIES = {
  'kube-apiserver': {
    commonName: 'kube-apiserver',
    dns: [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      'localhost',
    ],
    addresses: ['127.0.0.1', API_SERVICE_ADDRESS, NODE_ADDRESS],
  },
  admin: { commonName: 'admin', organization: 'system:masters' },
  'kube-controller-manager': { commonName: 'system:kube-controller-manager' },
  'kube-scheduler': { commonName: 'system:kube-scheduler' },
  'kube-proxy': { commonName: 'system:kube-proxy' },
  kubelet: {
    commonName: `system:node:${NODE_NAME}`,
    organization: 'system:nodes',
    dns: [NODE_NAME],
    addresses: [NODE_ADDRESS],
  },
} satisfies Record<string, Identity>

const LIFE = 30 * DAY
const BACKDATING = 5 * 60 * 1000

/**
 * Writes `ca.crt`, `ca.key`, a certificate and key for each identity and the key of service account tokens
 * (`service-account.key`, `.pub`) into `directory`. All P-256: it takes milliseconds.
 */
export function writePki(directory: string): void {
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text, { mode: 0o600 })
  const caKey = generateKey()
  const caName = distinguishedName([[Oid.commonName, 'kubernetes-ca']])
  const caId = idOf(caKey)
  const now = Date.now()
  const validity = { notBefore: now - BACKDATING, notAfter: now + LIFE }
  const ca = buildCertificate(
    {
      issuer: caName,
      subject: caName,
      spki: publicOf(caKey),
      ...validity,
      extensions: [
        basicConstraints(0),
        keyUsage('certSign'),
        subjectKeyIdentifier(caId),
        authorityKeyIdentifier(caId),
      ],
    },
    caKey,
  )
  write('ca.crt', ca.toString())
  write('ca.key', privateKeyPem(caKey))
  for (const [name, identity] of Object.entries<Identity>(IDENTITIES)) {
    const key = generateKey()
    const certificate = buildCertificate(
      {
        issuer: caName,
        subject: distinguishedName([
          ...(identity.organization ? [[Oid.organizationName, identity.organization] as const] : []),
          [Oid.commonName, identity.commonName],
        ]),
        spki: publicOf(key),
        ...validity,
        extensions: [
          basicConstraints(undefined),
          keyUsage('digitalSignature'),
          extKeyUsage(Oid.serverAuth, Oid.clientAuth),
          authorityKeyIdentifier(caId),
          ...altNames(identity),
        ],
      },
      caKey,
    )
    write(`${name}.crt`, certificate.toString())
    write(`${name}.key`, privateKeyPem(key))
  }
  const tokens = generateKey()
  write('service-account.key', privateKeyPem(tokens))
  write('service-account.pub', createPublicKey(tokens).export({ type: 'spki', format: 'pem' }))
}

/** A kubeconfig of `identity`, with all in it, so that it can be read from anywhere. */
export function kubeconfig(server: string, pems: { ca: string; certificate: string; key: string }): string {
  const data = (pem: string) => Buffer.from(pem).toString('base64')
  return `apiVersion: v1
kind: Config
clusters:
  - name: weft-e2e
    cluster: { server: '${server}', certificate-authority-data: ${data(pems.ca)} }
users:
  - name: user
    user: { client-certificate-data: ${data(pems.certificate)}, client-key-data: ${data(pems.key)} }
contexts:
  - name: weft-e2e
    context: { cluster: weft-e2e, user: user }
current-context: weft-e2e
`
}

function publicOf(key: KeyObject): Buffer {
  return spkiDer(createPublicKey(key))
}

function idOf(key: KeyObject): Buffer {
  return keyIdentifier(publicOf(key))
}

/** subjectAltName with addresses (RFC 5280 section 4.2.1.6), which the mesh's own certificates never have. */
function altNames({ dns = [], addresses = [] }: Identity): Asn1[] {
  if (dns.length + addresses.length === 0) return []
  const names = [
    ...dns.map((name) => implicit(2, Buffer.from(name, 'latin1'))),
    ...addresses.map((address) => implicit(7, Buffer.from(address.split('.').map(Number)))),
  ]
  return [sequence(oid(Oid.subjectAltName), octets(toDer(sequence(...names))))]
}
