import { WeftError } from '../../../core/errors.ts'
import { ensureRequirements } from '../../../local/requirements.ts'
import { LACK, lack } from '../../programs/lack.ts'

/** Throws WeftError `programs.lack` unless a cluster can run here; on Debian missing packages are installed. */
export async function requireMachine(progress: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw lack(`this is ${process.platform}`, 'a Linux machine is needed')
  if (process.getuid?.() !== 0) throw lack('this is not root', 'the kubelet and containerd need it: sudo')
  await ensureRequirements(progress).catch((cause: unknown) => {
    throw cause instanceof WeftError ? new WeftError(LACK, cause.message, { cause }) : cause
  })
}
