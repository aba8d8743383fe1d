import type { HeaderValueOption } from '../../core/xds/generated/envoy.js'
import type { HeaderChange } from '../model/route.ts'

export interface HeaderMutations {
  readonly requestHeadersToAdd?: readonly HeaderValueOption[]
  readonly requestHeadersToRemove?: readonly string[]
  readonly responseHeadersToAdd?: readonly HeaderValueOption[]
  readonly responseHeadersToRemove?: readonly string[]
}

export function headerChange(request: HeaderChange, response: HeaderChange): HeaderMutations {
  return {
    ...(has(request) ? { requestHeadersToAdd: options(request) } : {}),
    ...(request.remove.length > 0 ? { requestHeadersToRemove: request.remove } : {}),
    ...(has(response) ? { responseHeadersToAdd: options(response) } : {}),
    ...(response.remove.length > 0 ? { responseHeadersToRemove: response.remove } : {}),
  }
}

function has(change: HeaderChange): boolean {
  return change.set.length + change.add.length > 0
}

/** `set` before `add`, as Gateway API applies them. */
function options(change: HeaderChange): readonly HeaderValueOption[] {
  const option =
    (action: HeaderValueOption['appendAction']) =>
    ([key, value]: readonly [string, string]): HeaderValueOption => ({
      header: { key, value: literal(value) },
      appendAction: action,
      // An empty value would otherwise remove the field.
      ...(value === '' ? { keepEmptyValue: true } : {}),
    })
  return [
    ...change.set.map(option('OVERWRITE_IF_EXISTS_OR_ADD')),
    ...change.add.map(option('APPEND_IF_EXISTS_OR_ADD')),
  ]
}

/** Envoy reads `%NAME%` in values as a command; a route's author means the sign itself. */
function literal(value: string): string {
  return value.replaceAll('%', '%%')
}
