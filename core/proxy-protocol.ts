import { RESERVED_PORTS } from './contract.ts'
import { WeftError } from './errors.ts'

/** Of the PROXY protocol (haproxy.org/download/3.0/doc/proxy-protocol.txt): a line of text, or binary. */
export type ProxyProtocolVersion = 'v1' | 'v2'

const MAX_PORTS = 128

/**
 * Reads `8080=v2, 5432=v1`: the ports of an application that wants the PROXY protocol before each connection, and in which
 * version. The injector tells a pod's author what is wrong with it; control plane and sidecar read the same text. Throws a
 * WeftError `annotation.invalid`.
 */
export function parseProxyProtocolPorts(text: string): ReadonlyMap<number, ProxyProtocolVersion> {
  const ports = new Map<number, ProxyProtocolVersion>()
  for (const item of text.split(',').map((one) => one.trim())) {
    if (item === '') continue
    const [, digits = '', version] = /^([1-9][0-9]{0,4})=(v1|v2)$/.exec(item) ?? []
    const port = Number(digits)
    if (version === undefined || port > 65535)
      throw invalid(`"${item.slice(0, 40)}" must be a port from 1 to 65535 with =v1 or =v2, such as 8080=v2`)
    if (RESERVED_PORTS.includes(port)) throw invalid(`port ${port} belongs to the sidecar`)
    if (ports.has(port)) throw invalid(`port ${port} stands twice`)
    ports.set(port, version as ProxyProtocolVersion)
  }
  if (ports.size > MAX_PORTS) throw invalid(`has more than ${MAX_PORTS} ports`)
  return ports
}

/** The same as text, in the form that is read. */
export function formatProxyProtocolPorts(ports: ReadonlyMap<number, ProxyProtocolVersion>): string {
  return [...ports].map(([port, version]) => `${port}=${version}`).join(',')
}

function invalid(message: string): WeftError {
  return new WeftError('annotation.invalid', message)
}
