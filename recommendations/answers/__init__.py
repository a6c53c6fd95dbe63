"""From what was found to the list: order, variety, reasons."""
