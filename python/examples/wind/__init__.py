"""What the two examples on Irish wind share: the data, joint predictions and their scores."""
