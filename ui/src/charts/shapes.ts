import type { StateType } from "@/generated/states";

/** Draw a state's shape at a point of a canvas: told apart without colour. */
export function drawShape(context: CanvasRenderingContext2D, type: StateType, x: number, y: number, size: number): void {
  context.beginPath();
  switch (type) {
    case "FAILED":
      context.moveTo(x, y - size * 1.25);
      context.lineTo(x + size * 1.25, y);
      context.lineTo(x, y + size * 1.25);
      context.lineTo(x - size * 1.25, y);
      context.closePath();
      context.fill();
      break;
    case "CRASHED":
      context.rect(x - size, y - size, size * 2, size * 2);
      context.fill();
      break;
    case "CANCELLED":
    case "CANCELLING":
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
      context.stroke();
      break;
    case "COMPLETED":
      context.arc(x, y, size * 0.9, 0, Math.PI * 2);
      context.fill();
      break;
    default:
      context.arc(x, y, size, 0, Math.PI * 2);
      context.stroke();
  }
}
