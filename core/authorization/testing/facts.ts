import type { RequestFacts } from '../facts.ts'

export type SomeFacts = Partial<Omit<RequestFacts, 'values'>> & {
  /** By lower-case name. */
  readonly fields?: Readonly<Record<string, readonly string[]>>
}

/** Of a request that `some` says what it needs to about. */
export function requestFacts({ fields = {}, ...some }: SomeFacts): RequestFacts {
  return {
    identity: '',
    sourceAddress: '10.0.0.1',
    destinationAddress: '10.0.0.2',
    destinationPort: 8080,
    sni: '',
    method: 'GET',
    authority: 'pay.shop.svc',
    path: '/',
    claims: undefined,
    values: (name) => (Object.hasOwn(fields, name) ? (fields[name] as readonly string[]) : []),
    ...some,
  }
}
