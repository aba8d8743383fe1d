import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../../core/testing/free-ports.ts'
import { aloneBootstrap, type Path } from './bootstrap.ts'
import { endProxy, type Teardown } from './pair.ts'
import { ProxyProcess } from './proxy-process.ts'

/** One proxy between clients and the application of `path`, as a process, until the end of the test. */
export async function startAlone(
  t: Teardown,
  path: Path,
  flags: readonly string[] = [],
): Promise<{ readonly proxy: ProxyProcess; readonly port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-alone-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [port, admin] = (await freePorts(2)) as [number, number]
  const proxy = await ProxyProcess.start('alone', folder, aloneBootstrap(path, port), admin, flags)
  t.teardown(() => endProxy(proxy, flags))
  return { proxy, port }
}
