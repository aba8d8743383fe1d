interface Verdict {
  readonly allowed: boolean
  readonly rule: string
}

/** A decision as the table of scenes writes it. */
export function answerOf({
  dry,
  audited,
  ...verdict
}: Verdict & { readonly dry: Verdict; readonly audited: readonly string[] }): string {
  const [now, then] = [said(verdict), said(dry)]
  return (
    now +
    (dry.allowed === verdict.allowed ? '' : `, dry run: ${then}`) +
    (audited.length > 0 ? `, audit: ${audited.join(' ')}` : '')
  )
}

function said({ allowed, rule }: Verdict): string {
  return `${allowed ? 'allow' : 'deny'} ${rule}`.trimEnd()
}
