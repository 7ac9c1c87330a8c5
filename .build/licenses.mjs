import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The licence texts of the packages that the bundled files came from. Their licences ask that the notice travels with every
 * copy, and bundling makes copies. A package without a licence text fails the build, unless it is known here.
 */
export async function thirdPartyLicenses(root, files) {
  const folders = [...new Set(files.map((file) => /^(?:.*node_modules\/)(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? file))]
  const sections = await Promise.all(folders.toSorted().map((folder) => section(join(root, folder))))
  const intro = 'Poststack contains code of the packages below, each under its own licence.\n'
  return [intro, ...new Set(sections)].join(`\n${'-'.repeat(80)}\n\n`)
}

async function section(folder) {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const { name, version, license, author } = manifest
  const names = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).toSorted()
  const texts = await Promise.all(names.map((file) => readFile(join(folder, file), 'utf8')))
  if (texts.length === 0) texts.push(withoutText(name, license, author))
  return `${name} ${version} (${license})\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`
}

function withoutText(name, license, author) {
  const holder = typeof author === 'string' ? author : author?.name
  if (!license || !holder) throw new Error(`${name} has no licence file and names no licence and author`)
  return `The package carries no licence text. It names ${holder} as author and declares https://spdx.org/licenses/${license}.html`
}
