/** What one of deploy/docker says of an image: two stages, a root of the machine's files and what is put on it. */
export interface Dockerfile {
  /** Debian packages that the first stage adds to its base image. */
  readonly packages: readonly string[]
  /** Commands of the first stage that fill /root-files with /closure.sh. */
  readonly closures: readonly string[]
  /** From the build context into the image. */
  readonly copies: readonly (readonly [from: string, to: string])[]
  readonly env: Readonly<Record<string, string>>
  /** Of the image; a value such as `$VERSION` is a build argument. */
  readonly labels: Readonly<Record<string, string>>
  /** Ports that it says it listens on. */
  readonly ports: readonly string[]
  readonly user: string
  readonly entrypoint: readonly string[]
}

const INSTALL = 'apt-get update && apt-get install --yes --no-install-recommends '
const LABEL = /^([a-z.]+)="([^"]*)"$/

/** Reads what those files are written with. Throws for anything else: what is not read here would be neither tried nor built. */
export function readDockerfile(text: string): Dockerfile {
  const packages: string[] = []
  const closures: string[] = []
  const copies: [string, string][] = []
  const env: Record<string, string> = {}
  const labels: Record<string, string> = {}
  const ports: string[] = []
  const last: Record<string, string> = {}
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter(Boolean)
  let stage = 0
  for (const line of lines) {
    const [instruction = '', ...words] = line.split(/\s+/)
    const rest = line.slice(instruction.length).trim()
    if (instruction === 'FROM') stage++
    else if (instruction === 'ARG') continue
    else if (stage === 1 && instruction === 'RUN') {
      if (rest.startsWith('sh /closure.sh /root-files ')) closures.push(rest)
      else if (rest.startsWith(INSTALL)) packages.push(...rest.slice(INSTALL.length).trim().split(/\s+/))
      else throw unknown(line)
    } else if (stage === 1 && line === 'COPY deploy/docker/closure.sh /') continue
    else if (stage === 2 && line === 'COPY --from=files /root-files /') continue
    else if (stage === 2 && instruction === 'COPY' && words.length === 2)
      copies.push([words[0] ?? '', words[1] ?? ''])
    else if (stage === 2 && instruction === 'ENV' && /^[A-Z_]+=[^\s"]+$/.test(rest)) {
      const at = rest.indexOf('=')
      env[rest.slice(0, at)] = rest.slice(at + 1)
    } else if (stage === 2 && instruction === 'LABEL' && LABEL.test(rest)) {
      const [, name = '', value = ''] = LABEL.exec(rest) ?? []
      labels[name] = value
    } else if (stage === 2 && instruction === 'EXPOSE') ports.push(...words)
    else if (stage === 2 && (instruction === 'USER' || instruction === 'ENTRYPOINT')) last[instruction] = rest
    else throw unknown(line)
  }
  return {
    packages,
    closures,
    copies,
    env,
    labels,
    ports,
    user: last['USER'] ?? '',
    entrypoint: JSON.parse(last['ENTRYPOINT'] ?? '[]') as string[],
  }
}

function unknown(line: string): Error {
  return new Error(`nothing here knows how to do \`${line}\` of a Dockerfile`)
}
