import { toString as draw, toBuffer } from 'qrcode';

/** The text as a QR code, SVG without any style of its own. */
export function qrCode(text: string): Promise<string> {
  return draw(text, { type: 'svg', errorCorrectionLevel: 'L', margin: 2 });
}

/** The same as a PNG picture. */
export function qrPicture(text: string): Promise<Buffer> {
  return toBuffer(text, { type: 'png', errorCorrectionLevel: 'L', margin: 2, scale: 6 });
}
