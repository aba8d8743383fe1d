import { headTextProblem, mutationProblem } from '../../core/header-mutation.ts'
import type { HeaderValueOption } from '../../core/xds/generated/envoy.js'
import { NO_MUTATION, type HeaderMutation, type MutatedField } from '../model/route.ts'
import type { Scope } from './scope.ts'

/**
 * `*_headers_to_add` and `*_headers_to_remove`: OVERWRITE sets, APPEND adds. An empty value is left out unless it is to be
 * kept (HeaderValueOption.keep_empty_value).
 */
export function decodeMutation(
  add: readonly HeaderValueOption[] | undefined,
  remove: readonly string[] | undefined,
  scope: Scope,
  field: 'request_headers_to_add' | 'response_headers_to_add',
): HeaderMutation {
  if (!add?.length && !remove?.length) return NO_MUTATION
  const message = field === 'request_headers_to_add' ? 'request' : 'response'
  const set: MutatedField[] = []
  const added: MutatedField[] = []
  add?.forEach((option, i) => {
    const at = scope.at(field, i)
    const written = option.header?.key ?? ''
    const name = written.toLowerCase()
    const template = option.header?.value ?? ''
    // Envoy writes a literal % as %%; a single one begins a command operator.
    const value = template.replaceAll('%%', '%')
    if (template.replaceAll('%%', '').includes('%'))
      at.at('header').at('value').fail('command operators (%...%) are not supported')
    const overwrite = option.appendAction === 'OVERWRITE_IF_EXISTS_OR_ADD'
    const problem = mutationProblem(name, message, overwrite ? 'set' : 'add')
    if (problem) at.at('header').at('key').fail(problem)
    checkHeadText(value, at.at('header').at('value'))
    if (value === '' && !option.keepEmptyValue) return
    // Heads are bytes, one a character: what is beyond ASCII goes as UTF-8, as it stands in the configuration.
    const sent = Buffer.from(value, 'utf8').toString('latin1')
    ;(overwrite ? set : added).push(written === name ? [name, sent] : [name, sent, written])
  })
  const removed = (remove ?? []).map((name) => name.toLowerCase())
  removed.forEach((name, i) => {
    const problem = mutationProblem(name, message, 'remove')
    if (problem) scope.at(`${message}_headers_to_remove`, i).fail(problem)
  })
  return { remove: removed, set, add: added }
}

/** Of a text that is sent in a head, whatever its place there. */
export function checkHeadText(text: string | undefined, scope: Scope): void {
  const problem = text === undefined ? undefined : headTextProblem(text)
  if (problem) scope.fail(problem)
}
