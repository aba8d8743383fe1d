import { RESERVED_PORTS } from '../../../core/contract.ts'
import type { Problem } from '../../../core/problem.ts'
import { carriesHttp, OPAQUE_PORTS, protocolOf, SERVER_FIRST_PORTS } from '../../model/protocol.ts'
import type { PortProtocol } from '../../model/protocol.ts'
import type { ServiceObject, ServiceObjectPort } from '../../registry/kinds/core.ts'
import { findingOf, nameOf, type CheckedMesh, type CheckedPod } from './checked-mesh.ts'
import { selectedPods } from './selected-pods.ts'

/** Of no meaning by itself: only a name or appProtocol says what it carries. */
const PLAIN_PORT = 1

/** What is odd about Services: whom they select, and what their ports say. */
export function serviceFindings(checked: CheckedMesh): Problem[] {
  return [...checked.snapshot.services.values()].flatMap((service) => {
    const pods = selectedPods(service, checked.pods)
    return [
      ...selection(service, pods),
      ...repeated(service),
      ...service.ports.flatMap((port, index) => [
        ...declaration(service, port, index, checked),
        ...target(service, port, index, pods),
      ]),
    ]
  })
}

function selection(service: ServiceObject, pods: readonly CheckedPod[]): Problem[] {
  const labels = Object.entries(service.selector).map(([key, value]) => `${key}: ${value}`)
  if (labels.length === 0 || service.type === 'ExternalName') return []
  const own = nameOf(service)
  if (pods.length === 0)
    return [
      findingOf('WEFT0201', own, 'spec.selector', {
        message: `selects no pod: none has ${labels.join(', ')} in namespace ${own.namespace}`,
        remedy: 'give pods these labels, or select by labels that pods have',
        effect: 'Whoever calls it gets 503.',
      }),
    ]
  const without = pods.filter(({ meshed }) => !meshed)
  if (without.length === 0 || without.length === pods.length) return []
  const names = [...new Set(without.map(({ maker }) => `${maker.kind} ${maker.name}`))].slice(0, 3).join(', ')
  return [
    findingOf('WEFT0209', own, 'spec.selector', {
      message: `${without.length} of the ${pods.length} that it selects have no sidecar: ${names}`,
      remedy: 'give them a sidecar, or select the pods that have one',
      effect: 'What reaches them is plaintext, and no policy holds there.',
    }),
  ]
}

function repeated(service: ServiceObject): Problem[] {
  return service.ports.flatMap((port, index) => {
    const first = service.ports.findIndex(
      (one) => one.port === port.port || (one.name !== '' && one.name === port.name),
    )
    if (first === index) return []
    const both = service.ports[first]?.port === port.port ? `port ${port.port}` : `the name ${port.name}`
    return [
      findingOf('WEFT0212', nameOf(service), `spec.ports[${index}]`, {
        message: `has ${both}, as spec.ports[${first}] has`,
        remedy: 'give it another name and number, or take it out',
      }),
    ]
  })
}

function declaration(
  service: ServiceObject,
  port: ServiceObjectPort,
  index: number,
  { mesh }: CheckedMesh,
): Problem[] {
  const { name, appProtocol } = port
  const own = nameOf(service)
  const field = `spec.ports[${index}]`
  const said = protocolOf({ port: PLAIN_PORT, name: '', appProtocol })
  const named = protocolOf({ port: PLAIN_PORT, name, appProtocol: undefined })
  if (appProtocol !== undefined && said === 'auto')
    return [
      findingOf('WEFT0206', own, `${field}.appProtocol`, {
        message: `"${appProtocol}" is none that is known, and decides nothing`,
        remedy: 'write http, kubernetes.io/h2c, grpc, tls, tcp or another of docs/protocols.md',
      }),
    ]
  if (said !== 'auto' && named !== 'auto' && family(said) !== family(named))
    return [
      findingOf('WEFT0204', own, `${field}.appProtocol`, {
        message: `says ${appProtocol}, and the port's name ${name} says ${named}`,
        remedy: `name the port ${said === 'opaque' ? 'tcp' : said}-..., or take appProtocol out if the name is right`,
        effect: `Its connections are taken as ${said}.`,
      }),
    ]
  const foreign = wellKnown(port)
  const declared = said !== 'auto' ? said : named
  if (foreign !== undefined && declared !== 'auto' && carriesHttp(declared))
    return [
      findingOf('WEFT0208', own, field, {
        message: `is declared as ${declared} and leads to ${foreign.port}, the port of ${foreign.of}`,
        remedy: `write appProtocol: tcp if it is ${foreign.of}`,
        effect: 'What is no HTTP is refused there as a malformed request.',
      }),
    ]
  const translated = mesh.services
    .get(`${own.namespace}/${own.name}`)
    ?.ports.find((one) => one.port === port.port)
  if (translated?.protocol !== 'auto' || translated.declared || service.headless) return []
  return [
    findingOf('WEFT0205', own, field, {
      message: `port ${port.port} does not say what it carries, so that the first bytes of each connection tell`,
      remedy: 'say it by appProtocol, such as http, grpc or tcp',
    }),
  ]
}

function wellKnown({ port, targetPort }: ServiceObjectPort): { port: number; of: string } | undefined {
  for (const number of [targetPort ?? port, port]) {
    if (typeof number !== 'number') continue
    const of = SERVER_FIRST_PORTS[number] ?? OPAQUE_PORTS[number]
    if (of !== undefined) return { port: number, of }
  }
  return undefined
}

/** Protocols that the same bytes may be. */
export function family(protocol: PortProtocol): 'http' | 'tls' | 'opaque' | 'auto' {
  if (protocol === 'auto') return 'auto'
  if (carriesHttp(protocol)) return 'http'
  return protocol === 'opaque' ? 'opaque' : 'tls'
}

function target(
  service: ServiceObject,
  port: ServiceObjectPort,
  index: number,
  pods: readonly CheckedPod[],
): Problem[] {
  const wanted = port.targetPort ?? port.port
  const own = nameOf(service)
  const field = `spec.ports[${index}].${port.targetPort === undefined ? 'port' : 'targetPort'}`
  if (typeof wanted === 'number' && RESERVED_PORTS.includes(wanted) && pods.some(({ meshed }) => meshed))
    return [
      findingOf('WEFT0211', own, field, {
        message: `${wanted} is a port of the sidecar, which answers there in place of the application`,
        remedy: 'let the application listen on another port',
      }),
    ]
  const declaring = pods.filter(({ ports }) => ports.length > 0)
  if (declaring.length === 0) return []
  const known = declaring.flatMap(({ ports }) => ports)
  if (typeof wanted === 'number') {
    if (declaring.length < pods.length || known.some((one) => one.port === wanted)) return []
    const listed = [...new Set(known.map((one) => one.port))].slice(0, 5).join(', ')
    return [
      findingOf('WEFT0203', own, field, {
        message: `no container of its pods declares port ${wanted}: they declare ${listed}`,
        remedy: 'correct targetPort, or list the port at the container',
      }),
    ]
  }
  if (known.some(({ name }) => name === wanted)) return []
  return [
    findingOf('WEFT0202', own, field, {
      message: `no container has a port named ${wanted} in the pods that it selects`,
      remedy: 'write the name of a container port, or its number',
      effect: 'The Service has no endpoint at this port.',
    }),
  ]
}
