import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { WeftError } from '../../core/errors.ts'
import { ForwardedStream, type ForwardTarget } from './port-forward.ts'

const TIMEOUT_MS = 15_000

/**
 * The certificate that a pod shows on a port whose protocol is TLS with HTTP/2, trusted or not: nothing is sent to it. By the
 * port-forward that `kubectl port-forward` makes. Throws WeftError `port_forward.*` and `served_certificate.none`.
 */
export async function servedCertificate(target: ForwardTarget): Promise<X509Certificate> {
  const stream = new ForwardedStream(target)
  const where = `${target.namespace}/${target.pod}:${target.port}`
  try {
    return await new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer)
        reject(new WeftError('served_certificate.none', `${where} shows no certificate: ${why}`))
      }
      const timer = setTimeout(() => fail('no answer came for 15 s'), TIMEOUT_MS)
      // What a stream says of itself is a WeftError already; TLS says it again with less.
      stream.once('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      // It is looked at, and trusted with nothing.
      const socket = connect({ socket: stream, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      socket.once('error', ({ message }) => fail(message))
      socket.once('secureConnect', () => {
        const shown = socket.getPeerX509Certificate()
        if (!shown) return fail('the handshake had none')
        clearTimeout(timer)
        resolve(new X509Certificate(shown.raw))
      })
    })
  } finally {
    stream.destroy()
  }
}
