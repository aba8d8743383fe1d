import t, { type Test } from 'tap'
import { WeftError } from '../../core/errors.ts'
import type { AnyValue } from '../../core/xds/any.ts'
import type { MessageType } from '../../core/xds/codec.ts'
import {
  Bootstrap,
  Cluster,
  ClusterLoadAssignment,
  Listener,
  RouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import { toJson } from '../../core/xds/json.ts'
import { rulesOf, type Rule, type Rules } from '../../core/xds/rules.ts'
import type { Source } from '../../core/xds/served/table.ts'
import { typeUrl } from '../../core/xds/type-urls.ts'
import { readBootstrap } from '../bootstrap/bootstrap.ts'
import { decodeResource, type ResourceKind } from './decode.ts'
import { BASES, FILES_BASE } from './testing/bases.ts'
import { FILES } from './testing/cluster-bases.ts'
import { changesOf, sampleOf } from './testing/changes.ts'
import { changedAt, placesIn, rulesBehind, type FieldPlace, type MessagePlace } from './testing/places.ts'

// Taken means done: for every row of the table (core/xds/served) a change of the field is a change of what the
// runtime reads, or is refused; and every field of these messages that is not in the table is refused by its name.

/** A good resource or file, and what becomes of any tree in its place. */
interface Base {
  readonly name: string
  readonly type: MessageType<unknown>
  readonly message: object
  /** The model as text, or the problems. */
  readonly read: (message: object) => { readonly model?: string; readonly problems: readonly string[] }
}

/** Values that Envoy's documentation, or the lack of a choice, makes one. */
const SAME: readonly (readonly [string, string])[] = [
  // An ORIGINAL_DST cluster has one endpoint a connection.
  ['ROUND_ROBIN', 'CLUSTER_PROVIDED'],
  ['UNKNOWN', 'HEALTHY'],
  ['UNHEALTHY', 'TIMEOUT'],
]
/** Empty messages: with or without them the defaults are what is done. */
const SAME_AS_UNSET: readonly string[] = [
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig.http_protocol_options',
]

function textOf(model: unknown): string {
  return JSON.stringify(model)
}

function fileBase(message: Bootstrap, i: number): Base {
  return {
    name: `file ${i}`,
    type: Bootstrap,
    message,
    read(tree) {
      const result = readBootstrap(JSON.stringify(toJson(Bootstrap, tree)), {
        fileName: 'p',
        workloadIdentity: true,
        readFile(path) {
          const text = FILES[path]
          if (text === undefined) throw new WeftError('file.read', `there is no file ${path}`)
          return text
        },
      })
      if (!result.ok)
        return { problems: result.problems.map((problem) => problem.replace(/^p:\d+:\d+: /, '')) }
      return { problems: [], model: textOf({ ...result.bootstrap, message: undefined }) }
    },
  }
}

function resourceBase(kind: ResourceKind, type: MessageType<unknown>, message: object): Base {
  return {
    name: `${kind} ${'name' in message ? String(message.name) : ''}`,
    type,
    message,
    read(tree) {
      const decoded = decodeResource(kind, { typeUrl: typeUrl(type), value: type.encode(packed(tree)) })
      return decoded.ok ? { problems: [], model: textOf(decoded.value) } : { problems: decoded.problems }
    },
  }
}

/** The tree as a server sends it: what stands in Anys as bytes. */
function packed(tree: unknown): unknown {
  if (typeof tree !== 'object' || tree === null || tree instanceof Uint8Array) return tree
  if (Array.isArray(tree)) return tree.map(packed)
  const { unpacked, ...any } = tree as AnyValue
  if (unpacked) return { ...any, value: unpacked.type.encode(packed(unpacked.message)) }
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, packed(value)]))
}

/** Every resource in the bases, whether it stands in another one or not. */
function resourceBases(): Base[] {
  const bases: Base[] = []
  for (const base of BASES) {
    const { fields } = placesIn(base, rulesOf(Bootstrap, 'bootstrap'), 'bootstrap')
    for (const { rule, path } of fields) {
      const value = path.reduce<unknown>((tree, step) => (tree as Record<string, unknown>)[step], base)
      for (const one of rule.field.repeated ? (value as object[]) : [value as object]) {
        if (rule.field.type === Listener) bases.push(resourceBase('listener', Listener, one))
        if (rule.field.type === Cluster) bases.push(resourceBase('cluster', Cluster, one))
        if (rule.field.type === RouteConfiguration) bases.push(resourceBase('route', RouteConfiguration, one))
        if (rule.field.type === ClusterLoadAssignment)
          bases.push(resourceBase('endpoints', ClusterLoadAssignment, one))
      }
    }
  }
  return bases
}

const SOURCES: readonly {
  readonly source: Source
  readonly roots: readonly MessageType<unknown>[]
  readonly bases: readonly Base[]
}[] = [
  {
    source: 'ads',
    roots: [Listener, RouteConfiguration, Cluster, ClusterLoadAssignment],
    bases: resourceBases(),
  },
  { source: 'bootstrap', roots: [Bootstrap], bases: [...BASES, FILES_BASE].map(fileBase) },
]

for (const { source, roots, bases } of SOURCES) {
  t.test(`${source}: the bases are good, and hold every row of the table`, async (t) => {
    const wanted = new Map<Rule, string>()
    for (const root of roots)
      for (const [rule, name] of rulesBehind(rulesOf(root, source), source)) wanted.set(rule, name)
    t.ok(wanted.size > 150, `${wanted.size} rows`)
    for (const base of bases) {
      t.same(base.read(base.message).problems, [], base.name)
      for (const { rule } of placesIn(base.message, rulesOf(base.type, source), source).fields)
        wanted.delete(rule)
    }
    t.same([...wanted.values()], [])
  })

  t.test(`${source}: a change of any field in the table is seen, or refused`, async (t) => {
    let changes = 0
    for (const [title, seen] of outcomes(bases, source)) {
      changes++
      if (!seen) t.fail(`${title} changes nothing, and is taken`)
    }
    t.ok(changes > 300, `${changes} changes`)
  })

  t.test(`${source}: every field that is not in the table is refused by its name`, async (t) => {
    const done = new Set<Rules>()
    let fields = 0
    for (const base of bases) {
      for (const place of placesIn(base.message, rulesOf(base.type, source), source).messages) {
        if (done.has(place.rules)) continue
        done.add(place.rules)
        fields += refusesOthers(t, base, place)
      }
    }
    t.ok(fields > 300, `${fields} fields`)
  })
}

/** By change of a field: whether it is seen in any of the bases that hold the field in such a place. */
function outcomes(bases: readonly Base[], source: Source): ReadonlyMap<string, boolean> {
  const seen = new Map<string, boolean>()
  for (const base of bases) {
    const before = base.read(base.message).model
    for (const place of placesIn(base.message, rulesOf(base.type, source), source).fields) {
      const name = `${place.rules.type.typeName}.${place.rule.field.name}`
      // By ADS in every place, by files, which are slower to read and decoded by the same code, in one.
      const where = source === 'ads' ? place.text.replaceAll(/\[\d+\]/g, '[]') : ''
      const value = valueAt(base.message, place)
      for (const change of changesOf(place.rule, value)) {
        const title = `${where} ${name}: ${change.title}`
        if (seen.get(title) || isSame(name, change.title, value)) continue
        if (source === 'ads' && saysNothing(place.rule, change.value)) continue
        const after = base.read(changedAt(base.message, place.path, () => change.value))
        seen.set(title, after.problems.length > 0 || after.model !== before)
      }
    }
  }
  return seen
}

function valueAt(tree: object, { path }: FieldPlace): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], tree)
}

function isSame(field: string, title: string, value: unknown): boolean {
  if (title === 'removed') return SAME_AS_UNSET.includes(field)
  return SAME.some(([a, b]) => (a === value && b === title) || (b === value && a === title))
}

/** On the wire there is nothing between a default without presence and no field: a server can't say it. */
function saysNothing({ field, values }: Rule, value: unknown): boolean {
  return values !== undefined && !field.presence && !field.repeated && field.value.isDefault(value)
}

function refusesOthers(t: Test, base: Base, place: MessagePlace): number {
  let count = 0
  for (const field of place.rules.type.fields.list) {
    if (place.rules.byKey.has(field.key)) continue
    count++
    const tree = changedAt(base.message, place.path, (message) => {
      const others = Object.entries(message as object).filter(([key]) => !field.siblings.includes(key))
      return { ...Object.fromEntries(others), [field.key]: sampleOf(field) }
    })
    const path = place.text === '' ? field.name : `${place.text}.${field.name}`
    const { problems } = base.read(tree)
    const named = problems.some(
      (problem) => problem.startsWith(path) && /^(: |\[)/.test(problem.slice(path.length)),
    )
    if (!named) t.fail(`${base.name}: ${path} is taken`, { problems })
  }
  return count
}

t.test('a file and a server that say the same are understood alike', async (t) => {
  let compared = 0
  for (const base of BASES) {
    const { staticResources = {} } = base
    const result = readBootstrap(JSON.stringify(toJson(Bootstrap, base)), {
      fileName: 'p',
      workloadIdentity: true,
    })
    if (!result.ok) return t.fail(result.problems.join('\n'))
    const { listeners, clusters } = result.bootstrap.static
    const alike = (kind: ResourceKind, type: MessageType<unknown>, message: object, model: unknown): void => {
      const decoded = decodeResource(kind, { typeUrl: typeUrl(type), value: type.encode(packed(message)) })
      t.equal(textOf(decoded.ok ? decoded.value : decoded.problems), textOf(model))
      compared++
    }
    staticResources.listeners?.forEach((one, i) => alike('listener', Listener, one, listeners[i]))
    staticResources.clusters?.forEach((one, i) => alike('cluster', Cluster, one, clusters[i]))
  }
  t.equal(compared, 16)
})
