import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import type { CheckFinding } from '../../core/api/checks.ts'
import { CHECK_CODES, CHECKS, isCheckCode } from '../../core/checks/catalog.ts'

export interface SuppressedFinding {
  readonly finding: CheckFinding
  readonly reason: string
}

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'
const LEVELS = { error: 'error', warning: 'warning', info: 'note' } as const

/**
 * Findings as a log of SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), with all rules that were looked at. Files are
 * named from `directory`, as code scanning wants them; what is in no file has its object as a logical location.
 */
export function sarifLog(
  findings: readonly CheckFinding[],
  suppressed: readonly SuppressedFinding[],
  directory: string,
): object {
  const rules = CHECK_CODES.map((code) => {
    const { title, why, remedy, severity } = CHECKS[code]
    return {
      id: code,
      shortDescription: { text: title },
      fullDescription: { text: why },
      help: { text: remedy },
      defaultConfiguration: { level: LEVELS[severity] },
    }
  })
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'weft lint', version: packageJson.version, rules } },
        originalUriBaseIds: { ROOT: { uri: `${pathToFileURL(directory).href}/` } },
        // Columns count characters of UTF-16, as those of the YAML parser do.
        columnKind: 'utf16CodeUnits',
        results: [
          ...findings.map((finding) => resultOf(finding, directory)),
          ...suppressed.map(({ finding, reason }) => ({
            ...resultOf(finding, directory),
            suppressions: [{ kind: 'inSource', justification: reason }],
          })),
        ],
      },
    ],
  }
}

function resultOf(finding: CheckFinding, directory: string): object {
  const { code, severity, kind, namespace, name, field, message, effect, remedy } = finding
  const object = [kind, [namespace, name].filter((part) => part !== '').join('/')].join(' ').trim()
  const said = [message, effect.replace(/\.$/, ''), remedy].filter((part) => part !== '').join('; ')
  const about = [object, field].filter((part) => part !== '').join(': ')
  return {
    ruleId: code,
    ...(isCheckCode(code) ? { ruleIndex: CHECK_CODES.indexOf(code) } : {}),
    level: LEVELS[severity],
    message: { text: `${about}: ${said}` },
    locations: [
      {
        ...physicalLocation(finding, directory),
        logicalLocations: [{ fullyQualifiedName: about, kind: 'object' }],
      },
    ],
    // Stays where lines move, so that code scanning knows a finding again.
    partialFingerprints: { 'object/v1': JSON.stringify([code, kind, namespace, name, field]) },
  }
}

function physicalLocation({ file, line, column }: CheckFinding, directory: string): object {
  if (file === null) return {}
  const near = relative(directory, file)
  const artifactLocation = near.startsWith('..')
    ? { uri: pathToFileURL(file).href }
    : { uri: near.split('/').map(encodeURIComponent).join('/'), uriBaseId: 'ROOT' }
  const region =
    line === null ? {} : { region: { startLine: line, ...(column === null ? {} : { startColumn: column }) } }
  return { physicalLocation: { artifactLocation, ...region } }
}
