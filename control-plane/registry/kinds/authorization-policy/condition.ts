import { didYouMean } from '../../../../core/closest-name.ts'
import type { Fields } from '../../fields.ts'
import type { ConditionKey, PolicyCondition } from './policy.ts'
import {
  ipBlock,
  printable,
  readFilled,
  requestPrincipal,
  sni,
  textsWith,
  type ValueCheck,
  type Wrong,
} from './values.ts'

type PlainKey = Exclude<ConditionKey['kind'], 'header' | 'claim'>

const port: ValueCheck = (value) =>
  /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535
    ? undefined
    : `must be a port from 1 to 65535, got ${JSON.stringify(value)}`

const PLAIN: Readonly<Record<PlainKey, ValueCheck>> = {
  'request.auth.principal': requestPrincipal,
  'request.auth.audiences': printable,
  'request.auth.presenter': printable,
  'source.ip': ipBlock,
  'destination.port': port,
  'connection.sni': sni,
}
/** Istio's, which have a place of their own here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'source.principal': 'write it into from.source.principals',
    'source.namespace': 'write it into from.source.namespaces',
    'source.serviceAccount': 'write it into from.source.serviceAccounts',
    'remote.ip':
      'the address of the connection is source.ip; what a header says of it is request.headers[x-forwarded-for]',
    'destination.ip': 'select the pods by spec.selector',
  }),
)
const NAMES = [...Object.keys(PLAIN), 'request.headers[NAME]', 'request.auth.claims[NAME]']
/** RFC 9110 section 5.1. */
const HEADER = /^request\.headers\[([A-Za-z0-9!#$%&'*+.^_`|~-]+)\]$/
const CLAIM = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/

function keyOf(text: string): ConditionKey | { readonly problem: Wrong } {
  if (Object.hasOwn(PLAIN, text)) return { kind: text as PlainKey }
  const header = HEADER.exec(text)?.[1]?.toLowerCase()
  if (header === 'host')
    return { problem: { message: 'is not compared as a header', remedy: 'write it into to.operation.hosts' } }
  if (header !== undefined) return { kind: 'header', name: header }
  const claim = CLAIM.exec(text)?.[1]
  if (claim !== undefined) return { kind: 'claim', path: claim.slice(1, -1).split('][') }
  const known = `known are ${NAMES.join(', ')}`
  const remedy = ELSEWHERE.get(text) ?? didYouMean(text, NAMES, known)
  return { problem: { message: `is no key that is known here, got ${JSON.stringify(text)}`, remedy } }
}

/** One entry of `when`. */
export function readCondition(entry: Fields): PolicyCondition {
  const key = keyOf(entry.requiredText('key'))
  if ('problem' in key && entry.has('key')) entry.problemWith(key.problem.remedy, key.problem.message, 'key')
  const check =
    'problem' in key ? () => undefined : key.kind in PLAIN ? PLAIN[key.kind as PlainKey] : printable
  const values = readFilled(entry, 'values', textsWith(check))
  const notValues = readFilled(entry, 'notValues', textsWith(check))
  entry.refuseUnknown({ nulls: true })
  if (!entry.has('values') && !entry.has('notValues'))
    entry.problemWith('say what the key must be, or must not be', 'needs values or notValues')
  return { key: 'problem' in key ? { kind: 'source.ip' } : key, values, notValues }
}
