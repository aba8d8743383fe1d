import { createPublicKey } from 'node:crypto'
import { connect } from 'node:tls'
import { issueWorkload, type CaCredentials } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { ALPN_LINK } from '../../core/contract.ts'
import { PORTS, SERVERS } from './bed.ts'

export interface Probed {
  /** Every server let it in, or none did; otherwise undefined. */
  readonly accepted: boolean | undefined
  /** By whom each server's certificate was issued. */
  readonly shown: readonly string[]
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const PATIENCE_MS = 5000

/** Who bears a certificate of a CA, and tries whether servers believe it. */
export class Probe {
  readonly #pair: { readonly cert: string; readonly key: string }

  constructor(ca: CaCredentials, nowMs: number) {
    const key = generateKey()
    const { chain } = issueWorkload(ca, {
      spiffeId: 'spiffe://cluster.local/ns/shop/sa/probe',
      publicKey: createPublicKey(key),
      now: nowMs,
      lifeMs: 3_600_000,
    })
    this.#pair = { cert: certificatesPem(chain), key: privateKeyPem(key) }
  }

  async ask(): Promise<Probed> {
    const answers = await Promise.all(SERVERS.map(({ address }) => this.#ask(address)))
    const [first] = answers
    const accepted = answers.every((one) => one.accepted === first?.accepted) ? first?.accepted : undefined
    return { accepted, shown: answers.map(({ issuer }) => issuer) }
  }

  /** In TLS 1.3 a client hears only afterwards that it was refused: a server that believes it sends its SETTINGS. */
  #ask(host: string): Promise<{ accepted: boolean; issuer: string }> {
    return new Promise((resolve) => {
      let issuer = ''
      const socket = connect({
        host,
        port: PORTS.http.pod,
        ...this.#pair,
        ALPNProtocols: [ALPN_LINK],
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      })
      const done = (accepted: boolean): void => {
        socket.destroy()
        resolve({ accepted, issuer })
      }
      socket.setTimeout(PATIENCE_MS, () => done(false))
      socket.on('error', () => done(false))
      socket.on('close', () => done(false))
      socket.once('secureConnect', () => {
        issuer = socket.getPeerX509Certificate()?.issuer ?? ''
        // With an empty SETTINGS frame.
        socket.write(Buffer.concat([Buffer.from(PREFACE), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]))
      })
      socket.once('data', () => done(true))
    })
  }
}
