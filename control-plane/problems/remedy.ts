import { didYouMean } from '../../core/closest-name.ts'

/**
 * What to do about a field of which a reader said only what is wrong. The texts are those of registry/fields.ts and of the
 * readers of the one-machine cluster: `must be an integer from 1 to 65,535, got "80"`.
 */
export function remedyOf(field: string, message: string): string {
  const last = /(?:^|\.)([^.[\]]+)(?:\[[^\]]*\])*$/.exec(field)?.[1] ?? field
  if (message.startsWith('is required')) return `add ${last}`
  if (message.startsWith('needs ')) return 'add what it needs'
  const [, wanted = '', got] = /must be (.+?)(?:, got (.+))?$/s.exec(message) ?? []
  if (wanted === '') return field === '' ? 'correct it' : `correct ${last}, or take it out`
  const value = parsed(got)
  if (/integer|whole number|number of/.test(wanted) && typeof value === 'string' && /^\d+$/.test(value))
    return `write ${value}, without quotes`
  if (wanted.startsWith('true or false') && typeof value === 'string')
    return `write true or false, without quotes`
  if (/^(a string|text)/.test(wanted)) {
    const scalar = typeof value === 'number' || typeof value === 'boolean'
    return scalar ? `write "${value}", in quotes` : 'write text, in quotes'
  }
  const choices = /^(?:one of )?([\w-]+(?:, [\w-]+)*(?: or [\w-]+)?)$/.exec(wanted)?.[1]?.split(/, | or /)
  if (choices && choices.length > 1) {
    const otherwise =
      choices.length === 2 ? `write ${choices.join(' or ')}` : `write one of ${choices.join(', ')}`
    if (typeof value !== 'string') return otherwise
    return didYouMean(value, choices, otherwise)
  }
  return `write ${wanted}`
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
