"""What a look is: how it is drawn and coloured, what people call it, and its code."""
