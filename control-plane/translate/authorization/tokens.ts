import type { Matcher, TextMatch } from '../../../core/authorization/rules.ts'
import { all, any, exact, prefix, PRESENT, suffix, wildcardMatch } from './matchers.ts'

/** A claim that is this text, or a list that holds it. */
export function claimMatcher(path: readonly string[], match: TextMatch): Matcher {
  return any([false, true].map((inList): Matcher => ({ kind: 'claim', path, match, inList })))
}

/** `ISSUER/SUBJECT`: both may hold a slash, so that each one may be where they meet. */
export function requestPrincipalMatcher(value: string): Matcher {
  const both = (issuer: TextMatch, subject: TextMatch): Matcher =>
    all([textClaim('iss', issuer), textClaim('sub', subject)])
  if (value === '*') return both(PRESENT, PRESENT)
  const atStart = value.startsWith('*')
  const atEnd = value.endsWith('*')
  const text = atStart ? value.slice(1) : atEnd ? value.slice(0, -1) : value
  const meeting = slashesOf(text).flatMap((at): Matcher[] => {
    const issuer = text.slice(0, at)
    const subject = text.slice(at + 1)
    // Neither is ever empty.
    if ((issuer === '' && !atStart) || (subject === '' && !atEnd)) return []
    const first = !atStart ? exact(issuer) : issuer === '' ? PRESENT : suffix(issuer)
    const second = !atEnd ? exact(subject) : subject === '' ? PRESENT : prefix(subject)
    return [both(first, second)]
  })
  if (atStart) meeting.push(both(PRESENT, suffix(text)))
  if (atEnd) meeting.push(both(prefix(text), PRESENT))
  return any(meeting)
}

export function audienceMatcher(value: string): Matcher {
  return claimMatcher(['aud'], wildcardMatch(value))
}

/** The client that the token was made for (`azp`). */
export function presenterMatcher(value: string): Matcher {
  return textClaim('azp', wildcardMatch(value))
}

function textClaim(name: string, match: TextMatch): Matcher {
  return { kind: 'claim', path: [name], match, inList: false }
}

/** Without those of `https://`. */
function slashesOf(text: string): readonly number[] {
  const from = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0].length ?? 0
  return [...text.matchAll(/\//g)].flatMap(({ index }) => (index < from ? [] : [index]))
}
