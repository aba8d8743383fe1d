import type { CheckCode } from '../../core/checks/catalog.ts'
import { closestName } from '../../core/closest-name.ts'
import type { Problem } from '../../core/problem.ts'
import type { Mesh } from '../model/mesh.ts'
import type { RouteProblem } from '../model/route.ts'

/** By the reason of the condition; what is left over is something in a rule that cannot be served. */
const CODES: Readonly<Record<string, CheckCode>> = {
  InvalidKind: 'WEFT0101',
  BackendNotFound: 'WEFT0102',
  NoMatchingParent: 'WEFT0102',
  UnsupportedProtocol: 'WEFT0103',
  Conflicted: 'WEFT0104',
}

/** Routes that are not, or not wholly, in force, each with what helps in this mesh. */
export function routeProblems({ routeProblems: found, services }: Mesh): Problem[] {
  return found.map((problem) => {
    const { kind, namespace, name, field, message, effect } = problem
    return {
      code: /carries no (?:HTTP|TLS)/.test(message) ? 'WEFT0103' : (CODES[problem.reason] ?? 'WEFT0105'),
      file: null,
      line: null,
      column: null,
      kind,
      namespace,
      name,
      field,
      severity: 'error',
      message,
      remedy: remedyFor(problem, services),
      effect,
    }
  })
}

function remedyFor(
  { kind, reason, message, field, service }: RouteProblem,
  services: Mesh['services'],
): string {
  const last = field.split('.').at(-1)
  if (service !== undefined && last === 'name' && !services.has(service))
    return serviceRemedy(service, services)
  if (service !== undefined && (last === 'port' || last === 'sectionName')) {
    if (reason === 'UnsupportedProtocol')
      return kind === 'TLSRoute' ? declareTls(service) : declareHttp(service)
    const ports = services
      .get(service)
      ?.ports.map(({ port, name }) => (name === '' ? `${port}` : `${port} (${name})`))
    return ports?.length ? `its TCP ports are ${ports.join(', ')}` : 'give the Service a TCP port'
  }
  if (/is headless/.test(message)) return 'take clusterIP: None out of the Service, or name another one'
  if (/ExternalName/.test(message)) return 'name a Service with a selector'
  if (last === 'group') return 'write group: ""'
  if (last === 'kind') return 'write kind: Service, with group: "" or none'
  if (/carries no HTTP/.test(message)) return declareHttp(service ?? '')
  if (/carries no TLS/.test(message)) return declareTls(service ?? '')
  if (reason === 'Conflicted' && / is older /.test(message))
    return 'put the backends of both into one of the two, or give one another Service port'
  if (reason === 'Conflicted') return 'give one of the two another Service port, or make both of one kind'
  if (reason === 'IncompatibleFilters') return 'keep one of the two'
  return 'take it out of the rule, or write a value that the message allows'
}

function declareHttp(service: string): string {
  return `if it is HTTP, say so at the port of Service ${service}: appProtocol: http`
}

function declareTls(service: string): string {
  return `if it takes TLS by itself, say so at the port of Service ${service}: appProtocol: tls`
}

function serviceRemedy(key: string, services: Mesh['services']): string {
  const [namespace = '', name = ''] = key.split('/')
  const elsewhere = [...services.values()].filter((one) => one.name === name)
  if (elsewhere.length > 0) {
    const namespaces = elsewhere.map((one) => one.namespace)
    return `Service ${name} is in namespace ${namespaces.join(', ')}: write namespace: ${namespaces[0]}`
  }
  const names = [...services.values()].filter((one) => one.namespace === namespace).map((one) => one.name)
  const meant = closestName(name, names)
  if (meant !== undefined) return `did you mean ${meant}?`
  const listed = names.slice(0, 8).join(', ')
  return names.length === 0
    ? `make a Service ${name} in namespace ${namespace}`
    : `make a Service ${name} in namespace ${namespace}, or name one that is there: ${listed}`
}
