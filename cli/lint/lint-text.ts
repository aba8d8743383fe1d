import type { CheckFinding } from '../../core/api/checks.ts'
import { shown } from '../../core/terminal-text.ts'
import { fromHere } from '../../local/print-problems.ts'
import type { Painter } from '../terminal/painter.ts'

/** `shop.yaml:14:5: warning WEFT0120: HTTPRoute shop/web: spec.rules[1]: never matches ...; make it more exact` */
export function findingText(finding: CheckFinding, paint: Painter): string {
  const { file, line, column, severity, code, kind, namespace, name, field, message, effect, remedy } =
    finding
  const place =
    file === null ? [] : [shown([fromHere(file), line, column].filter((part) => part !== null).join(':'))]
  const object = [kind, [namespace, name].filter((part) => part !== '').join('/')]
    .filter((part) => part !== '')
    .join(' ')
  const level = paint(severity === 'error' ? 'red' : severity === 'warning' ? 'yellow' : 'dim', severity)
  const head = [...place, `${level} ${code}`, shown(object), shown(field)]
    .filter((part) => part !== '')
    .join(': ')
  const said = [message, ...(effect === '' ? [] : [effect.replace(/\.$/, '')]), remedy].join('; ')
  return `${head}: ${shown(said)}\n`
}

/** `2 errors, 1 warning, 4 pieces of advice, 1 left out`. */
export function countText(findings: readonly CheckFinding[], suppressed: number): string {
  const of = (severity: CheckFinding['severity']): number =>
    findings.filter((one) => one.severity === severity).length
  const parts = [
    [of('error'), 'error', 'errors'],
    [of('warning'), 'warning', 'warnings'],
    [of('info'), 'piece of advice', 'pieces of advice'],
  ] as const
  const said = parts
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}`)
  const left =
    suppressed > 0 ? [`${suppressed} left out by ${suppressed === 1 ? 'its object' : 'their objects'}`] : []
  return `${[...(said.length === 0 ? ['nothing was found'] : said), ...left].join(', ')}\n`
}
