import type { HeaderValueOption } from '../../core/xds/generated/envoy.js'
import { NO_MUTATION, type HeaderMutation } from '../model/route.ts'
import type { Scope } from './scope.ts'

/**
 * `*_headers_to_add` and `*_headers_to_remove`: OVERWRITE sets, APPEND adds. An empty value is left out unless it is to be
 * kept (HeaderValueOption.keep_empty_value).
 */
export function decodeMutation(
  add: readonly HeaderValueOption[] | undefined,
  remove: readonly string[] | undefined,
  scope: Scope,
  field: string,
): HeaderMutation {
  if (!add?.length && !remove?.length) return NO_MUTATION
  const set: [string, string][] = []
  const added: [string, string][] = []
  add?.forEach((option, i) => {
    const at = scope.at(field, i)
    const name = (option.header?.key ?? '').toLowerCase()
    const template = option.header?.value ?? ''
    // Envoy writes a literal % as %%; a single one begins a command operator.
    const value = template.replaceAll('%%', '%')
    if (template.replaceAll('%%', '').includes('%'))
      at.at('header').at('value').fail('command operators (%...%) are not supported')
    if (value === '' && !option.keepEmptyValue) return
    const list = option.appendAction === 'OVERWRITE_IF_EXISTS_OR_ADD' ? set : added
    list.push([name, value])
  })
  return { remove: (remove ?? []).map((name) => name.toLowerCase()), set, add: added }
}
