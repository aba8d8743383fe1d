import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'

/** Envoy puts in what belongs there: `%REQ(x-user)%`. */
const FORMATTED = /%[A-Z_]+(?:\([^)]*\))?(?::\d+)?%/

/** `headers` of a rule or a destination as filters of Gateway API. */
export function readHeaderFilters(owner: Fields, notes: Notes): readonly JsonObject[] {
  const headers = owner.optionalMap('headers')
  if (!headers) return []
  const request = modifier(headers.optionalMap('request'), notes)
  const response = modifier(headers.optionalMap('response'), notes)
  headers.refuseUnknown()
  return [
    ...(request ? [{ type: 'RequestHeaderModifier', requestHeaderModifier: request }] : []),
    ...(response ? [{ type: 'ResponseHeaderModifier', responseHeaderModifier: response }] : []),
  ]
}

function modifier(operations: Fields | undefined, notes: Notes): JsonObject | undefined {
  if (!operations) return undefined
  const fields = (list: 'set' | 'add'): JsonObject[] =>
    Object.entries(operations.stringMap(list)).flatMap(([name, value]) => {
      const field = [...operations.path, list, name]
      if (FORMATTED.test(value)) {
        notes.lost(
          field,
          'has a value that Envoy puts together, and here values are plain',
          'set it in the application',
        )
        return []
      }
      if (/^(?::authority|host)$/i.test(name)) {
        notes.lost(field, 'changes the host', 'say it as rewrite.authority, and convert it again')
        return []
      }
      return [{ name, value }]
    })
  const made = withoutEmpty({ set: fields('set'), add: fields('add'), remove: operations.texts('remove') })
  operations.refuseUnknown()
  return Object.keys(made).length > 0 ? made : undefined
}
