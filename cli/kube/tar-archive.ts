// A tar archive of text files, gzipped, as every tar unpacks it: the ustar format of POSIX
// (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "ustar Interchange Format").
import { gzipSync } from 'node:zlib'
import { invariant } from '#common/errors.ts'

export interface ArchiveFile {
  /** Relative, with slashes. */
  path: string
  text: string
}

const block = 512

export function tarGz(files: readonly ArchiveFile[], nowMs: number): Buffer {
  const parts = files.flatMap(({ path, text }) => {
    const content = Buffer.from(text)
    const padding = Buffer.alloc((block - (content.length % block)) % block)
    return [header(path, content.length, nowMs), content, padding]
  })
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * block)]))
}

/**
 *   name[100] mode[8] uid[8] gid[8] size[12] mtime[12] chksum[8] typeflag linkname[100] "ustar\0" "00"
 *   uname[32] gname[32] devmajor[8] devminor[8] prefix[155]
 */
function header(path: string, size: number, nowMs: number): Buffer {
  const { prefix, name } = split(path)
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number): void => {
    bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  }
  bytes.write(name, 0)
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(Math.floor(nowMs / 1000), 136, 12)
  bytes.write('        0', 148, 'latin1')
  bytes.write('ustar\u000000', 257, 'latin1')
  bytes.write(prefix, 345)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

/** A long path is cut at a slash into a prefix and a name. */
function split(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path }
  const at = path.lastIndexOf('/', 155)
  const [prefix, name] = [path.slice(0, Math.max(0, at)), path.slice(at + 1)]
  invariant(at > 0 && Buffer.byteLength(name) <= 100, `the path is too long for tar: ${path}`)
  return { prefix, name }
}
