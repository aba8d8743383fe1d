/** Whose spans and metrics these are. */
export interface Reporter {
  readonly service: string
  readonly namespace: string
  readonly pod: string
}

/** What an authenticated caller is. */
export interface ReportingCaller {
  readonly namespace: string
  readonly serviceAccount: string
  readonly pod: { readonly name: string } | undefined
}

/** All of it as the token has it, whatever the report says of itself: a reporter speaks for its own pod alone. */
export function reporterOf({ namespace, serviceAccount, pod }: ReportingCaller): Reporter {
  return { service: serviceAccount, namespace, pod: pod?.name ?? '' }
}

/** `catalog.shop`, as metrics name a destination. */
export function serviceKey({ service, namespace }: Reporter): string {
  return `${service}.${namespace}`
}
