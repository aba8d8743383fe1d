import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml'
import { describeError } from '../../core/errors.ts'
import { isMessageType, type Field, type MessageType } from '../../core/xds/codec.ts'
import { typeNameOf, typeUrl } from '../../core/xds/type-urls.ts'
import { Any } from '../../core/xds/generated/envoy.js'
import type { SourceTree } from './document.ts'
import { keyText, NodeBudget } from './node-budget.ts'
import type { Problems } from './problems.ts'
import { readScalar } from './read-scalar.ts'
import { readJson } from './read-struct.ts'
import { SUBSET, type FieldRule } from './subset.ts'
import { nearestName } from './nearest-name.ts'

type Values = Record<string, unknown>

/**
 * Reads a tree as a message by protobuf's JSON mapping, with fields by either of their names. Whatever is not in the
 * subset becomes a problem; what comes back then is incomplete and must not be used.
 */
export function readMessage<T>(tree: SourceTree, type: MessageType<T>, problems: Problems): T {
  return new MessageReader(tree, problems).message(tree.root, type, '', 0, undefined) as T
}

class MessageReader {
  readonly tree: SourceTree
  readonly problems: Problems
  readonly budget: NodeBudget

  constructor(tree: SourceTree, problems: Problems) {
    this.tree = tree
    this.problems = problems
    this.budget = new NodeBudget(problems)
  }

  message(
    node: unknown,
    type: MessageType<unknown>,
    path: string,
    depth: number,
    only: readonly string[] | undefined,
    packed = false,
  ): Values {
    const values: Values = {}
    const at = this.tree.resolve(node)
    if (!this.budget.take(path, depth)) return values
    if (!isMap(at)) {
      this.problems.add(path, 'must be a mapping of fields')
      return values
    }
    const rule = SUBSET.get(type.typeName)
    const seen = new Set<string>()
    for (const pair of at.items) {
      const offset = offsetOf(pair.key)
      const name = keyText(pair.key)
      if (name === undefined) {
        this.problems.add(path, 'has a key that is no text', offset)
        continue
      }
      // Read by #any; in no other place is it a field.
      if (name === '@type' && packed) continue
      const field = type.fields.byName.get(name)
      if (!field) {
        this.problems.add(join(path, name), unknownField(name, type), offset)
        continue
      }
      const inner = join(path, field.name)
      const fieldRule = rule?.fields.get(field.name)
      if (!fieldRule || (only && !only.includes(field.name))) {
        this.problems.add(inner, 'is not supported: remove it', offset)
        continue
      }
      if (seen.has(field.name)) this.problems.add(inner, 'is given twice: keep one', offset)
      seen.add(field.name)
      const other = field.siblings.find((key) => values[key] !== undefined)
      if (other !== undefined)
        this.problems.add(inner, `excludes ${protoName(type, other)}: keep one`, offset)
      if (!this.#field(values, field, fieldRule, pair, inner, depth)) seen.delete(field.name)
    }
    for (const name of rule?.required ?? []) {
      const missing = !seen.has(name) || isEmpty(values[type.fields.byName.get(name)?.key ?? ''])
      if (missing && (!only || only.includes(name))) this.problems.add(join(path, name), 'is required')
    }
    return values
  }

  /** False if it is null. */
  #field(values: Values, field: Field, rule: FieldRule, pair: Pair, path: string, depth: number): boolean {
    this.problems.place(path, offsetOf(pair.key))
    const node = this.tree.resolve(pair.value)
    // As in protobuf's JSON mapping: null is as good as absent.
    if (node === undefined || (isScalar(node) && node.value === null)) return false
    values[field.key] = field.map
      ? this.#map(node, field, rule, path, depth)
      : field.repeated
        ? this.#list(node, field, rule, path, depth)
        : this.#value(node, field, rule, path, depth)
    return true
  }

  #list(node: Node, field: Field, rule: FieldRule, path: string, depth: number): unknown[] | undefined {
    if (!isSeq(node)) {
      this.problems.add(path, 'must be a list')
      return undefined
    }
    return node.items.map((item, i) => {
      const inner = `${path}[${i}]`
      this.problems.place(inner, offsetOf(item))
      return this.#value(item, field, rule, inner, depth + 1)
    })
  }

  #map(node: Node, field: Field, rule: FieldRule, path: string, depth: number): Values | undefined {
    if (!isMap(node)) {
      this.problems.add(path, 'must be a mapping')
      return undefined
    }
    const map: Values = {}
    for (const { key, value } of node.items) {
      const name = keyText(key)
      if (name === undefined) {
        this.problems.add(path, 'has a key that is no text', offsetOf(key))
      } else if (Object.hasOwn(map, name)) {
        this.problems.add(path, `has the key ${name} twice: keep one`, offsetOf(key))
      } else if (rule.keys && !rule.keys.includes(name)) {
        const text = `has the key ${name}: only ${rule.keys.join(', ')} is supported`
        this.problems.add(path, text, offsetOf(key))
      } else {
        const inner = `${path}[${name}]`
        this.problems.place(inner, offsetOf(key))
        const read = this.#value(value, field, rule, inner, depth + 1)
        // Not an assignment: a key `__proto__` would change the object's prototype.
        Object.defineProperty(map, name, {
          value: read,
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
    }
    return map
  }

  #value(node: unknown, field: Field, rule: FieldRule, path: string, depth: number): unknown {
    const { type } = field
    if (type === Any) return this.#any(node, rule, path, depth + 1)
    if (isMessageType(type)) return this.message(node, type, path, depth + 1, rule.only)
    if (type === 'struct' || type === 'value' || type === 'list') return this.#json(node, type, path, depth)
    const at = this.tree.resolve(node)
    if (!this.budget.take(path, depth)) return undefined
    const read = readScalar(isScalar(at) ? at.value : undefined, type)
    if (!read.ok) {
      this.problems.add(path, `must be ${read.must}`)
      return undefined
    }
    if (rule.values && !rule.values.includes(String(read.value)))
      this.problems.add(path, `${String(read.value)} is not supported: use ${rule.values.join(' or ')}`)
    return read.value
  }

  #json(node: unknown, type: 'struct' | 'value' | 'list', path: string, depth: number): unknown {
    const at = this.tree.resolve(node)
    if (type === 'struct' && !isMap(at)) this.problems.add(path, 'must be a mapping')
    else if (type === 'list' && !isSeq(at)) this.problems.add(path, 'must be a list')
    else return readJson(this, at, path, depth)
    return undefined
  }

  /** `{"@type": url, ...fields}`, packed as a server would send it, so that one decoder reads both. */
  #any(node: unknown, rule: FieldRule, path: string, depth: number): unknown {
    const at = this.tree.resolve(node)
    const types = rule.types ?? []
    const known = types.map((type) => typeUrl(type)).join(' or ')
    if (!isMap(at)) {
      this.problems.add(path, `must be a mapping with @type ${known}`)
      return {}
    }
    const [pair, second] = at.items.filter(({ key }) => keyText(key) === '@type')
    if (second) this.problems.add(join(path, '@type'), 'is given twice: keep one', offsetOf(second.key))
    const urlNode = this.tree.resolve(pair?.value)
    const url = isScalar(urlNode) ? urlNode.value : undefined
    const type = typeof url === 'string' ? types.find((one) => one.typeName === typeNameOf(url)) : undefined
    if (!pair || !type || typeof url !== 'string' || url !== typeUrl(type)) {
      const offset = pair ? offsetOf(pair.key) : undefined
      this.problems.add(join(path, '@type'), pair ? `must be ${known}` : `is required: ${known}`, offset)
      return {}
    }
    const value = this.message(at, type, path, depth, undefined, true)
    if (this.problems.some) return {}
    try {
      return { typeUrl: url, value: type.encode(value) }
    } catch (error) {
      this.problems.add(path, describeError(error))
      return {}
    }
  }
}

function offsetOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function isEmpty(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0)
}

function protoName(type: MessageType<unknown>, key: string): string {
  return type.fields.byName.get(key)?.name ?? key
}

function unknownField(name: string, type: MessageType<unknown>): string {
  const supported = [...(SUBSET.get(type.typeName)?.fields.keys() ?? [])]
  const near = nearestName(name, supported)
  const hint = near === undefined ? 'remove it' : `did you mean ${near}?`
  return `is no field of ${type.typeName}: ${hint}`
}
