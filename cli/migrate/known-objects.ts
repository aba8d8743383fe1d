import { isObject, type JsonObject } from '../../injector/json-patch.ts'
import { listOf, mapOf, textOf, type WrittenObject } from '../../local/problems/checked.ts'
import { GATEWAY_GROUP, nameWith, type ObjectId } from './manifests.ts'

export interface KnownPort {
  readonly port: number
  readonly name: string
  readonly appProtocol: string
}

export interface KnownService extends ObjectId {
  readonly ports: readonly KnownPort[]
  readonly selector: JsonObject
  /** Its ports as they are written. */
  readonly raw: readonly JsonObject[]
}

/** What the input tells of Services: other meshes' objects leave out what a route of Gateway API must say. */
export class KnownObjects {
  readonly objects: readonly WrittenObject[]
  readonly #services = new Map<string, KnownService>()
  /** `HTTPRoute shop/web`: of the input's objects that stay, and of those that are printed. */
  readonly #taken = new Set<string>()
  /** The last number that was put behind one of them. */
  readonly #counts = new Map<string, number>()

  constructor(objects: readonly WrittenObject[]) {
    this.objects = objects
    for (const object of objects) {
      const [group = ''] = object.apiVersion.split('/')
      if (group === 'v1' || group === GATEWAY_GROUP || group === 'weft.dev')
        this.#taken.add(`${object.kind} ${object.namespace}/${object.name}`)
      if (object.apiVersion === 'v1' && object.kind === 'Service') {
        const service = serviceOf(object)
        this.#services.set(`${service.namespace}/${service.name}`, service)
      }
    }
  }

  /** The name, or with a number where something has it already: a second object would replace the first. */
  claim(kind: string, { namespace, name }: ObjectId): string {
    const key = `${kind} ${namespace}/${name}`
    let free = name
    let count = this.#counts.get(key) ?? 1
    while (this.#taken.has(`${kind} ${namespace}/${free}`)) free = nameWith(name, String(++count))
    this.#counts.set(key, count)
    this.#taken.add(`${kind} ${namespace}/${free}`)
    return free
  }

  get services(): readonly KnownService[] {
    return [...this.#services.values()]
  }

  service({ namespace, name }: ObjectId): KnownService | undefined {
    return this.#services.get(`${namespace}/${name}`)
  }

  /** The one TCP port of a Service; undefined where that is not known, or there are several. */
  onlyPort(id: ObjectId): number | undefined {
    const ports = this.service(id)?.ports ?? []
    return ports.length === 1 ? ports[0]?.port : undefined
  }

  ofKind(kind: string, group: string): readonly WrittenObject[] {
    return this.objects.filter((one) => one.kind === kind && one.apiVersion.startsWith(`${group}/`))
  }
}

function serviceOf({ raw, namespace, name }: WrittenObject): KnownService {
  const spec = mapOf(raw['spec'])
  const selector = spec['selector']
  const written = listOf(spec['ports'])
  const ports = written.flatMap((item): KnownPort[] => {
    const { port, protocol, name: called, appProtocol } = mapOf(item)
    if (typeof port !== 'number' || (protocol !== undefined && protocol !== 'TCP')) return []
    return [{ port, name: textOf(called), appProtocol: textOf(appProtocol) }]
  })
  return {
    namespace,
    name,
    ports,
    selector: isJsonObject(selector) ? selector : {},
    raw: written.filter(isJsonObject),
  }
}

/** What comes from YAML by `toJS` is JSON. */
export function isJsonObject(value: unknown): value is JsonObject {
  return value !== undefined && isObject(value as JsonObject)
}
