import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { leadsToRoot } from '../../certs/path.ts'
import { parseSpiffeId } from '../../certs/spiffe-id.ts'
import { parseTrustBundle } from '../../certs/trust-bundle.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { normalFingerprint, normalSerial, OWN_TRUST, type MeshTrust } from '../../core/mesh-trust.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import type { Listener } from '../model/listener.ts'
import type { ReadSpiffeId } from '../transport/peer-identity.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'
import { verifyPeer } from './verify-peer.ts'

export interface PeerTrustOptions {
  readonly trustDomain: string
  readonly secrets: Watchable<WorkloadSecrets | undefined>
  /** `inbound`, which says whom the mesh trusts. What it said last holds on while it is not known. */
  readonly listener: Watchable<Listener | null | undefined>
  readonly log: Logger
  readonly clock?: Clock
}

/**
 * Whom this proxy believes, in both roles: identities of the mesh's trust domain by any of its names, those of other
 * domains if their own roots prove them, and nobody who is revoked. A revocation ends the connections that are open.
 */
export class PeerTrust {
  /** The workload's own, with the roots of other domains beside the mesh's: TLS trusts them all, `read` tells them apart. */
  readonly secrets: Watchable<WorkloadSecrets | undefined>
  /** True once this workload's own certificate is revoked, until it has another. */
  readonly ownRevoked = new Watched(false)
  readonly #options: PeerTrustOptions
  readonly #clock: Clock
  readonly #secrets: Watched<WorkloadSecrets | undefined>
  readonly #open = new Set<TLSSocket>()
  #trust: Compiled

  constructor(options: PeerTrustOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#trust = compile(options.listener.value?.trust ?? OWN_TRUST, options.trustDomain, {})
    this.#secrets = new Watched(this.#withFederated(options.secrets.value))
    this.secrets = this.#secrets
    options.secrets.watch(() => this.#secretsChanged())
    options.listener.watch((listener) => this.#told(listener))
    this.#checkOwn()
  }

  /** Connections whose peers were found good and that are open still. */
  get open(): number {
    return this.#open.size
  }

  /** The mesh's own check of the certificate that a peer showed. */
  readonly read: ReadSpiffeId = (socket) => {
    const { otherDomains } = this.#trust
    const { trustDomain } = this.#options
    const now = this.#clock.now()
    const peer = verifyPeer(socket, { trustDomain, otherDomains, expected: undefined, now })
    if (!peer.ok) return { ok: false, reason: peer.detail }
    const certificate = socket.getPeerX509Certificate()
    if (!certificate) return { ok: false, reason: 'the peer showed no certificate' }
    const { trustDomain: domain, path } = parseSpiffeId(peer.spiffeId)
    if (!this.#proven(domain, certificate, socket))
      return { ok: false, reason: `${peer.spiffeId} is proven by no root of trust domain ${domain}` }
    const revoked = this.#revoked(peer.spiffeId, domain, certificate)
    if (revoked !== undefined) return { ok: false, reason: revoked }
    this.#keep(socket)
    const others = this.#trust.names.filter((name) => name !== domain)
    if (others.length === 0 || !this.#trust.names.includes(domain)) return { ok: true, id: peer.spiffeId }
    return { ok: true, id: peer.spiffeId, otherNames: others.map((name) => `spiffe://${name}${path}`) }
  }

  /** TLS has verified a path to one of all roots; with those of other domains among them it must be one of this domain. */
  #proven(domain: string, leaf: X509Certificate, socket: TLSSocket): boolean {
    const { federated } = this.#trust
    if (federated.size === 0) return true
    const own = this.#options.secrets.value
    const roots = federated.get(domain) ?? (own ? parseTrustBundle(own.bundlePem, 'trust bundle').roots : [])
    return leadsToRoot(leaf, chainOf(socket), roots, this.#clock.now())
  }

  /** Why a peer is revoked, or undefined. */
  #revoked(id: string, domain: string, certificate: X509Certificate): string | undefined {
    const { identities, serials, fingerprints, names } = this.#trust
    if (identities.has(id)) return `${id} is revoked`
    const serial = normalSerial(certificate.serialNumber)
    // Another CA may number as it likes.
    const ours = names.includes(domain) && serials.has(serial)
    if (ours || fingerprints.has(normalFingerprint(certificate.fingerprint256)))
      return `the certificate ${serial} of ${id} is revoked`
    return undefined
  }

  #keep(socket: TLSSocket): void {
    if (this.#open.has(socket) || socket.destroyed) return
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }

  #told(listener: Listener | null | undefined): void {
    if (!listener) return
    const said = listener.trust ?? OWN_TRUST
    if (JSON.stringify(said) === this.#trust.text) return
    const before = this.#trust.said.federated
    this.#trust = compile(said, this.#options.trustDomain, before)
    const { revoked, names, federated } = said
    this.#options.log.info('whom the mesh trusts has changed', {
      revokedIdentities: revoked.identities.length,
      revokedCertificates: revoked.serials.length + revoked.fingerprints.length,
      names,
      federated: Object.keys(federated),
    })
    if (JSON.stringify(this.#trust.said.federated) !== JSON.stringify(before))
      this.#secrets.set(this.#withFederated(this.#options.secrets.value))
    this.#endRevoked()
    this.#checkOwn()
  }

  /** Also of domains that are no longer trusted: whoever would not be let in now is not kept. */
  #endRevoked(): void {
    let ended = 0
    for (const socket of [...this.#open]) {
      const certificate = socket.getPeerX509Certificate()
      const name = certificate?.subjectAltName?.slice('URI:'.length) ?? ''
      if (certificate && this.#accepts(name, certificate)) continue
      ended++
      socket.destroy()
    }
    if (ended > 0)
      this.#options.log.warn('connections ended: their peers are revoked', { connections: ended })
  }

  #accepts(id: string, certificate: X509Certificate): boolean {
    const { trustDomain } = parseSpiffeId(id)
    if (!this.#trust.names.includes(trustDomain) && !this.#trust.federated.has(trustDomain)) return false
    return this.#revoked(id, trustDomain, certificate) === undefined
  }

  #secretsChanged(): void {
    this.#secrets.set(this.#withFederated(this.#options.secrets.value))
    this.#checkOwn()
  }

  #checkOwn(): void {
    const own = this.#options.secrets.value
    if (!own) return this.ownRevoked.set(false)
    const certificate = new X509Certificate(own.certificatePem)
    const { trustDomain } = parseSpiffeId(own.spiffeId)
    const revoked = this.#revoked(own.spiffeId, trustDomain, certificate)
    if (revoked !== undefined && !this.ownRevoked.value)
      this.#options.log.error('peers refuse this workload, and another certificate is asked for', {
        reason: revoked,
      })
    this.ownRevoked.set(revoked !== undefined)
  }

  #withFederated(own: WorkloadSecrets | undefined): WorkloadSecrets | undefined {
    const others = Object.values(this.#trust.said.federated)
    if (!own || others.length === 0) return own
    return { ...own, bundlePem: [own.bundlePem, ...others].join('\n') }
  }
}

/** What the mesh says, as it is asked for each peer. */
interface Compiled {
  readonly said: MeshTrust
  readonly text: string
  /** Of the mesh's own trust domain. */
  readonly names: readonly string[]
  readonly otherDomains: ReadonlySet<string>
  readonly federated: ReadonlyMap<string, readonly X509Certificate[]>
  readonly identities: ReadonlySet<string>
  readonly serials: ReadonlySet<string>
  readonly fingerprints: ReadonlySet<string>
}

/** `before`: the roots of other domains so far. */
function compile(said: MeshTrust, trustDomain: string, before: MeshTrust['federated']): Compiled {
  const names = [...new Set([trustDomain, ...said.names])]
  // What a bundle says of the mesh's own names counts for nothing.
  const others = Object.entries(said.federated)
    .map(([domain, pem]): [string, string] => [domain, pem === '' ? (before[domain] ?? '') : pem])
    .filter(([domain, pem]) => pem !== '' && !names.includes(domain))
  return {
    said: { ...said, federated: Object.fromEntries(others) },
    text: JSON.stringify(said),
    names,
    otherDomains: new Set([...names, ...others.map(([domain]) => domain)]),
    federated: new Map(
      others.map(([domain, pem]) => [domain, parseTrustBundle(pem, `bundle of ${domain}`).roots]),
    ),
    identities: new Set(said.revoked.identities),
    serials: new Set(said.revoked.serials),
    fingerprints: new Set(said.revoked.fingerprints),
  }
}

/** What a peer showed above its own certificate. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = []
  let above = socket.getPeerCertificate(true)
  // The last one is its own issuer.
  while (above?.issuerCertificate && above.issuerCertificate !== above && chain.length < 10) {
    above = above.issuerCertificate
    if (above.raw) chain.push(new X509Certificate(above.raw))
  }
  return chain
}
