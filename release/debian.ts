import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WeftError } from '../core/errors.ts'
import { mustRun } from '../local/node/run-command.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Code of what this machine does not have: commands then exit with 3. */
export const LACK = 'release.lack'

/** A package as it was taken, with the SHA-256 of its archive. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  /** `all` where one is for all processors. */
  readonly architecture: string
}

/**
 * Settings for apt that let it read suites of Debian and nothing of this machine, for a processor that may be another one;
 * their path, for `APT_CONFIG`. `suites`: such as `trixie` and `trixie-security`. All of it stays below `work`.
 */
export function aptOfItsOwn(work: string, suites: readonly string[], architecture?: string): string {
  if (!existsSync('/usr/bin/apt-get') || !existsSync(KEYRING))
    throw new WeftError(LACK, 'this is no Debian: apt-get or the package debian-archive-keyring is missing')
  for (const directory of ['lists/partial', 'archives/partial'])
    mkdirSync(join(work, directory), { recursive: true })
  // The process that fetches is apt's own user.
  chmodSync(work, 0o755)
  writeFileSync(join(work, 'status'), '')
  const archives = ownArchives()
  const sources = suites.map((suite) => {
    const archive = suite.endsWith('-security') ? archives.security : archives.debian
    return `deb [signed-by=${KEYRING}] ${archive} ${suite} main\n`
  })
  writeFileSync(join(work, 'sources.list'), sources.join(''))
  const settings = {
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '-',
    'Dir::State': work,
    'Dir::State::status': join(work, 'status'),
    'Dir::Cache': work,
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
    ...(architecture === undefined ? {} : { 'APT::Architecture': architecture }),
  }
  const path = join(work, 'apt.conf')
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`)
  const only = architecture === undefined ? '' : `APT::Architectures { "${architecture}"; };\n`
  writeFileSync(path, `${lines.join('')}${only}`)
  return path
}

/** Where this machine has its own packages from: whatever mirror that is has the other suites, too. */
function ownArchives(): { readonly debian: string; readonly security: string } {
  const format = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']
  const uris = execFileSync('apt-get', format, { encoding: 'utf8' }).split('\n')
  const debian = uris.find((uri) => /\/debian\/?$/.test(uri))
  const security = uris.find((uri) => /\/debian-security\/?$/.test(uri))
  if (debian !== undefined && security !== undefined) return { debian, security }
  throw new WeftError(LACK, "this machine's apt has no archive of Debian, or none of its security updates")
}

/**
 * Unpacks packages of Debian and all that they depend on below `root`, for whatever processor: none of their scripts is
 * run. Gives what was taken, by name. Throws WeftError `release.lack` where that cannot be had.
 */
export async function unpackDebian(
  root: string,
  names: readonly string[],
  { suite, architecture }: { readonly suite: string; readonly architecture: string },
): Promise<readonly DebianPackage[]> {
  const work = mkdtempSync(join(tmpdir(), 'weft-release-apt-'))
  const fetched = join(work, 'fetched')
  mkdirSync(fetched)
  try {
    const suites = [suite, `${suite}-updates`, `${suite}-security`]
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      APT_CONFIG: aptOfItsOwn(work, suites, architecture),
    }
    await mustRun(['apt-get', 'update', '-qq'], { env })
    const planned = await mustRun(['apt-get', 'install', '--simulate', '--no-install-recommends', ...names], {
      env,
    })
    const wanted = [...planned.matchAll(/^Inst (\S+) \((\S+)/gm)].map(
      ([, name, version]) => `${name}=${version}`,
    )
    await mustRun(['sh', '-ec', 'cd "$0"; exec apt-get download -qq "$@"', fetched, ...wanted], { env })
    const archives = readdirSync(fetched).toSorted()
    for (const archive of archives) await mustRun(['dpkg-deb', '--extract', join(fetched, archive), root])
    return archives.map((archive) => {
      const [name = '', version = '', processor = ''] = archive.replace(/\.deb$/, '').split('_')
      // apt writes the colon of an epoch so.
      return { name, version: version.replace('%3a', ':'), architecture: processor }
    })
  } catch (cause) {
    if (cause instanceof WeftError && cause.code === LACK) throw cause
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new WeftError(LACK, `packages of Debian ${suite} (${names.join(', ')}) cannot be had: ${said}`, {
      cause,
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
